//! Files: the one module that names the file system.
