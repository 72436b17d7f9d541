#version 330 core
// Three lights, and light from all around that is brighter above (lighting.py says which). Lambert with a soft terminator for skin (light wraps round, reddened, as
// it does under the skin), and GGX highlights (Walter et al. 2007; their visibility as in Zioma, "Optimizing PBR for
// Mobile", 2015). Writes sRGB times alpha.
struct Material {
    vec3 wrap;  // how far light wraps round, per colour: skin's is reddish, most materials' is 0
    bool inside;  // the mouth, where light comes in between the lips
    bool strands;  // hair is lit as from its front, whichever side is seen: its back would be a dark fringe
    vec4 base_color_factor;
    float metallic_factor;
    float roughness_factor;
#ifdef HAS_BASE_COLOR_TEX
    sampler2D base_color_texture;
#endif
};
uniform Material material;
uniform vec3 cam_pos;
in vec3 world_position;
in vec3 world_normal;
#ifdef TEXCOORD_0_LOC
in vec2 uv;
#endif
out vec4 frag_color;

const float PI = 3.14159265;
uniform vec3 lights[3];  // directions to them
uniform vec3 light_colors[3];
uniform vec3 sky;
uniform vec3 ground;
uniform vec4 opening;  // of the mouth: its middle and its area; no area: what is inside is painted as dark as it is
uniform vec3 half_opening;  // from its middle to a corner
uniform float thrown_back;  // of the light in the mouth, by its walls

// Polynomial and square roots in place of powers, which are slow where the processor draws.
vec3 from_srgb(vec3 c)
{
    return c * (c * (c * 0.305306011 + 0.682171111) + 0.012522878);
}

vec3 to_srgb(vec3 c)
{
    vec3 a = sqrt(c);
    vec3 b = sqrt(a);
    return 0.662002687 * a + 0.684122060 * b - 0.323583601 * sqrt(b) - 0.0225411470 * c;
}

void main()
{
    vec4 base = material.base_color_factor;
#ifdef HAS_BASE_COLOR_TEX
    vec4 texel = texture(material.base_color_texture, uv);
    base *= vec4(from_srgb(texel.rgb), texel.a);
#endif
    vec3 n = normalize(gl_FrontFacing || material.strands ? world_normal : -world_normal);
    vec3 v = normalize(cam_pos - world_position);
    float a2 = material.roughness_factor * material.roughness_factor;
    a2 *= a2;
    vec3 f0 = mix(vec3(0.04), base.rgb, material.metallic_factor);
    vec3 diffuse = base.rgb * (1.0 - material.metallic_factor);
    vec3 wrap = material.wrap;
    vec3 spread = 1.6 / PI / ((1.0 + wrap) * (1.0 + wrap));
    float shine = a2 / (PI * 4.0 * (material.roughness_factor + 0.5));

    vec3 color = diffuse * mix(ground, sky, n.y * 0.5 + 0.5);
    for (int i = 0; i < 3; i++) {
        vec3 l = lights[i];
        float nl = dot(n, l);
        color += diffuse * max((nl + wrap) * spread, 0.0) * light_colors[i];
        if (nl > 0.0) {
            vec3 h = normalize(l + v);
            float nh = max(dot(n, h), 0.0);
            float d = nh * nh * (a2 - 1.0) + 1.0;
            float vh = max(dot(v, h), 0.0);
            float graze = (1.0 - vh) * (1.0 - vh);
            vec3 f = f0 + (1.0 - f0) * (graze * graze * (1.0 - vh) * (1.0 - material.roughness_factor));
            color += light_colors[i] * f * (nl * shine / (d * d * max(vh * vh, 0.1)));
        }
    }
    if (material.inside && opening.w > 0.0) {
        float direct = 0.0;
        for (int i = -2; i <= 2; ++i) {  // the form factors of five discs, which have the area of an ellipse's slices
            float across = 0.4 * float(i);
            float area = opening.w * sqrt(1.0 - across * across) / 4.0330;
            vec3 away = world_position - opening.xyz - across * half_opening;
            direct += area / (area + PI * dot(away, away));
        }
        direct = min(direct, 1.0);
        color *= direct / (1.0 - thrown_back * (1.0 - direct));
    }
    color = color * (1.0 + color * 0.12) / (1.0 + color * 0.42);  // a gentle shoulder: highlights roll off
    frag_color = vec4(to_srgb(clamp(color, 0.0, 1.0)) * base.a, base.a);
}
