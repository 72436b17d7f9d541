#version 330 core
// Places a posed vertex. The mesh comes posed, in world space, so the normal needs no matrix.
layout(location = 0) in vec3 position;
layout(location = NORMAL_LOC) in vec3 normal;
#ifdef TEXCOORD_0_LOC
layout(location = TEXCOORD_0_LOC) in vec2 texcoord_0;
out vec2 uv;
#endif
uniform mat4 projection;
out vec3 world_position;
out vec3 world_normal;

void main()
{
    gl_Position = projection * vec4(position, 1.0);
    world_position = position;
    world_normal = normal;
#ifdef TEXCOORD_0_LOC
    uv = texcoord_0;
#endif
}
