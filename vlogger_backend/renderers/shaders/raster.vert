#version 330 core
// Places a posed vertex, and says where it is in the template and in the photo, and how squarely the photo shows it.
layout(location = 0) in vec3 position;
layout(location = 1) in vec3 normal;
layout(location = 2) in vec3 template_place;
layout(location = 3) in vec3 photo_place;
layout(location = 4) in vec3 photo_normal;
layout(location = 5) in vec3 region;  // two numbers, and which of them it is: the first where this is above zero
uniform mat4 view;
uniform mat4 lens;
uniform mat4 photo_view;
out vec3 facing;
out vec3 rest;
out vec3 in_photo;
out float cosine;
out float first;
flat out vec2 regions;

void main()
{
    gl_Position = lens * (view * vec4(position, 1.0));
    facing = mat3(view) * normal;
    rest = template_place;
    in_photo = (photo_view * vec4(photo_place, 1.0)).xyz;
    cosine = -dot(mat3(photo_view) * photo_normal, normalize(in_photo));
    first = region.z;
    regions = region.xy;
}
