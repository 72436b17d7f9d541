#version 330 core
// Writes numbers: place in the template and region, normal and depth, and the photo's colour of this point where the
// photo shows it: not hidden behind something nearer to its camera, and not seen too much from the side.
uniform mat4 photo_lens;
uniform float photo_pixel;  // width of a pixel of the photo's depth map, in metres at one metre
uniform float reduction;  // log2 of the photo's pixels for one of this picture's
uniform bool warped;
uniform vec2 strands;  // the regions, from and to, that are made of strands, which have no side
uniform sampler2D photo;  // straight alpha, its first row at v = 0
uniform sampler2D seen;  // a: metres from the photo's camera, its last row at v = 0
in vec3 facing;
in vec3 rest;
in vec3 in_photo;
in float cosine;
in float first;
flat in vec2 regions;
layout(location = 0) out vec4 place;
layout(location = 1) out vec4 surface;
layout(location = 2) out vec4 color;

const float LAYER = 0.0015;  // metres; lids over eyes and cloth over skin are further apart
const float TUFT = 0.01;  // metres of strands, of which the photo shows the top ones' colours
const float GRAZING = 0.10;  // cosine from which on the photo's pixels are used,
const float CLEAR = 0.30;  // and from which on they are used in full

void main()
{
    place = vec4(rest, first >= 0.0 ? regions.x : regions.y);
    surface = vec4(normalize(gl_FrontFacing ? facing : -facing), 1.0 / gl_FragCoord.w);
    color = vec4(0.0);
    if (!warped || in_photo.z > -0.01)
        return;
    vec4 clip = photo_lens * vec4(in_photo, 1.0);
    vec2 uv = clip.xy / clip.w * 0.5 + 0.5;
    bool strand = regions.x >= strands.x && regions.x <= strands.y;
    float square = strand ? 1.0 : abs(cosine);
    if (square < GRAZING || any(lessThan(uv, vec2(0.0))) || any(greaterThan(uv, vec2(1.0))))
        return;
    float distance = -in_photo.z;
    float slope = sqrt(max(1.0 - square * square, 0.0)) / square;
    if (distance > textureLod(seen, uv, 0.0).a + (strand ? TUFT : LAYER) + slope * distance * photo_pixel)
        return;
    color = textureLod(photo, vec2(uv.x, 1.0 - uv.y), reduction);
    color.a *= smoothstep(GRAZING, CLEAR, square);
    if (color.a < 0.002)
        color = vec4(0.0);
}
