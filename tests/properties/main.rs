//! Properties of the compiler over generated workspaces.
