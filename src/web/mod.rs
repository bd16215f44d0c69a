//! Files and folders of `serve` by HTTP: `--http`.
