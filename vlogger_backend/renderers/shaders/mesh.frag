#version 330 core
// A portrait studio: a warm key from the upper left, a cool fill from the right, a rim light from behind, and light
// from all around that is brighter above. Lambert with a soft terminator for skin (light wraps round, reddened, as
// it does under the skin), and GGX highlights (Walter et al. 2007).
struct Material {
    vec3 emissive_factor;  // how far light wraps round, per colour: skin's is reddish, most materials' is 0
    vec4 base_color_factor;
    float metallic_factor;
    float roughness_factor;
#ifdef HAS_BASE_COLOR_TEX
    sampler2D base_color_texture;
#endif
#ifdef HAS_EMISSIVE_TEX
    sampler2D emissive_texture;
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
const vec3 LIGHTS[3] = vec3[](vec3(-0.48, 0.56, 0.68), vec3(0.77, 0.15, 0.62), vec3(0.45, 0.55, -0.70));
const vec3 COLORS[3] = vec3[](vec3(2.55, 2.40, 2.22), vec3(0.62, 0.70, 0.80), vec3(1.45, 1.50, 1.60));
const vec3 SKY = vec3(0.50, 0.52, 0.56);
const vec3 GROUND = vec3(0.22, 0.20, 0.19);

vec3 from_srgb(vec3 color)
{
    return pow(color, vec3(2.2));
}

void main()
{
#ifdef HAS_EMISSIVE_TEX
    frag_color = vec4(texture(material.emissive_texture, uv).rgb, 1.0);  // the backdrop: as it is
    return;
#endif
    vec4 base = material.base_color_factor;
#ifdef HAS_BASE_COLOR_TEX
    vec4 texel = texture(material.base_color_texture, uv);
    base *= vec4(from_srgb(texel.rgb), texel.a);
#endif
    vec3 n = normalize(gl_FrontFacing ? world_normal : -world_normal);
    vec3 v = normalize(cam_pos - world_position);
    float nv = max(dot(n, v), 0.02);
    float a2 = pow(material.roughness_factor, 4.0);
    vec3 f0 = mix(vec3(0.04), base.rgb, material.metallic_factor);
    vec3 diffuse = base.rgb * (1.0 - material.metallic_factor);
    vec3 wrap = material.emissive_factor;

    vec3 color = diffuse * mix(GROUND, SKY, n.y * 0.5 + 0.5);
    for (int i = 0; i < 3; i++) {
        vec3 l = normalize(LIGHTS[i]);
        float nl = dot(n, l);
        vec3 lit = max((nl + wrap) / ((1.0 + wrap) * (1.0 + wrap)), 0.0);
        color += diffuse * lit * COLORS[i] / PI * 1.6;
        if (nl > 0.0) {
            vec3 h = normalize(l + v);
            float nh = max(dot(n, h), 0.0);
            float d = nh * nh * (a2 - 1.0) + 1.0;
            float vh = max(dot(v, h), 0.05);
            vec3 f = f0 + (1.0 - f0) * pow(1.0 - vh, 5.0) * (1.0 - material.roughness_factor);
            color += nl * COLORS[i] * f * a2 / (PI * d * d * 4.0 * vh * vh * (material.roughness_factor + 0.5));
        }
    }
    color = color * (1.0 + color * 0.12) / (1.0 + color * 0.42);  // a gentle shoulder: highlights roll off
    frag_color = vec4(pow(clamp(color, 0.0, 1.0), vec3(1.0 / 2.2)), base.a);
}
