"""The local service: jobs over HTTP, kept in a library folder, worked on in processes of their own."""
