//! The paths that the code of a file names, in full: imports, aliases and relative paths are resolved.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, Macro, UseTree};

/// A file of the crate, parsed, without code for its tests.
pub(super) struct Source {
    /// Below `src`.
    pub(super) file: String,
    /// Its module: `net::io`; empty for `lib.rs`.
    pub(super) module: String,
    /// All paths that it names, in full: `crate::net::io::Io`, `std::fs::File`.
    pub(super) paths: BTreeSet<String>,
    /// The methods that it calls, and the associated functions that it names.
    pub(super) methods: BTreeSet<String>,
    /// The macros that it calls.
    pub(super) macros: BTreeSet<String>,
    /// Its public imports: a name, and the full path.
    pub(super) exports: BTreeMap<String, String>,
}

impl Source {
    /// Parses the text of a file.
    pub(super) fn parse(file: &str, text: &str) -> Source {
        let module = file.trim_end_matches(".rs").trim_end_matches("/mod").replace('/', "::");
        let module = if matches!(module.as_str(), "lib" | "main") { String::new() } else { module };
        let tree = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut source = Source {
            file: file.to_owned(),
            module: module.clone(),
            paths: BTreeSet::new(),
            methods: BTreeSet::new(),
            macros: BTreeSet::new(),
            exports: BTreeMap::new(),
        };
        let modules = vec![module.split("::").filter(|part| !part.is_empty()).map(String::from).collect()];
        let mut reader = Reader { source: &mut source, scopes: vec![BTreeMap::new()], modules };
        reader.read_imports(&tree.items);
        reader.visit_file(&tree);
        source
    }

    /// The folder of `src` that it is in, or its own name.
    pub(super) fn folder(&self) -> &str {
        let first = self.file.split('/').next().unwrap_or(&self.file);
        match first.trim_end_matches(".rs") {
            "lib" => "main",
            name => name,
        }
    }
}

/// Every file below `src`, but for those of tests.
pub(super) fn sources_of_crate() -> Vec<Source> {
    let is_test = |path: &str| path.contains("/tests/") || path.ends_with("/tests.rs");
    super::files("src")
        .iter()
        .filter(|path| !is_test(path))
        .map(|path| Source::parse(path.trim_start_matches("src/"), &super::read(path)))
        .collect()
}

struct Reader<'a> {
    source: &'a mut Source,
    /// The paths of imported names, by module, the innermost last.
    scopes: Vec<BTreeMap<String, Vec<String>>>,
    /// The modules that are open, each in full.
    modules: Vec<Vec<String>>,
}

/// True for an item with exactly `#[cfg(test)]`.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Fn(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Const(item) => &item.attrs,
        _ => &[],
    }
}

/// Finds the paths of an import, each with its local name; `*` for all.
fn leaves(tree: &UseTree, prefix: &[String], found: &mut Vec<(String, Vec<String>)>) {
    let with = |name: String| [prefix, &[name]].concat();
    match tree {
        UseTree::Path(path) => leaves(&path.tree, &with(path.ident.to_string()), found),
        UseTree::Name(name) if name.ident == "self" => {
            found.push((prefix.last().cloned().unwrap_or_default(), prefix.to_vec()));
        }
        UseTree::Name(name) => found.push((name.ident.to_string(), with(name.ident.to_string()))),
        UseTree::Rename(name) if name.ident == "self" => {
            found.push((name.rename.to_string(), prefix.to_vec()))
        }
        UseTree::Rename(name) => found.push((name.rename.to_string(), with(name.ident.to_string()))),
        UseTree::Glob(_) => found.push(("*".into(), prefix.to_vec())),
        UseTree::Group(group) => group.items.iter().for_each(|tree| leaves(tree, prefix, found)),
    }
}

impl Reader<'_> {
    fn module(&self) -> &[String] {
        self.modules.last().map_or(&[], Vec::as_slice)
    }

    fn read_imports(&mut self, items: &[Item]) {
        for item in items.iter().filter(|item| !is_for_tests(attributes(item))) {
            if let Item::Use(import) = item {
                self.read_import(import);
            }
        }
    }

    fn read_import(&mut self, import: &ItemUse) {
        let mut found = Vec::new();
        leaves(&import.tree, &[], &mut found);
        let is_public = !matches!(import.vis, syn::Visibility::Inherited);
        for (name, path) in found {
            let Some(full) = self.resolve(&path) else { continue };
            self.source.paths.insert(full.join("::"));
            if is_public {
                self.source.exports.insert(name.clone(), full.join("::"));
            }
            if let Some(scope) = self.scopes.last_mut() {
                scope.insert(name, full);
            }
        }
    }

    /// Returns a path in full; `None` for an item of the file itself.
    fn resolve(&self, path: &[String]) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        let within = |module: &[String], rest: &[String]| [&["crate".into()], module, rest].concat();
        match first.as_str() {
            "crate" | "sendall" => Some(within(&[], rest)),
            "self" => Some(within(self.module(), rest)),
            "super" => {
                let ups = path.iter().take_while(|part| *part == "super").count();
                let module = self.module();
                Some(within(&module[..module.len().saturating_sub(ups)], &path[ups..]))
            }
            // One crate under three names.
            "std" | "core" | "alloc" => Some([&["std".into()], rest].concat()),
            name => match self.scopes.iter().rev().find_map(|scope| scope.get(name)) {
                Some(known) => Some([known.as_slice(), rest].concat()),
                // A crate, or a module or item of this file's module.
                None if is_crate(name) => Some(path.to_vec()),
                None if name.starts_with(char::is_lowercase) && !rest.is_empty() => {
                    Some(within(self.module(), path))
                }
                None => None,
            },
        }
    }

    fn note(&mut self, path: &[String]) {
        if let Some(full) = self.resolve(path) {
            self.source.paths.insert(full.join("::"));
        }
    }

    /// Reads paths and methods among the tokens of a macro's call, which are not parsed.
    fn read_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let (mut colons, mut is_after_dot) = (0, false);
        for token in tokens {
            let was_after_dot = std::mem::replace(
                &mut is_after_dot,
                matches!(&token, TokenTree::Punct(mark) if mark.as_char() == '.'),
            );
            match token {
                TokenTree::Ident(name) if was_after_dot => {
                    self.source.methods.insert(name.to_string());
                }
                TokenTree::Ident(name) if colons == 2 => path.push(name.to_string()),
                TokenTree::Ident(name) => {
                    self.note(&path);
                    path = vec![name.to_string()];
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Group(group) => {
                    self.note(&path);
                    path.clear();
                    self.read_tokens(group.stream());
                }
                _ => {
                    self.note(&path);
                    path.clear();
                }
            }
            colons = 0;
        }
        self.note(&path);
    }
}

/// True for the crates of `Cargo.toml`, which code may name without importing them.
fn is_crate(name: &str) -> bool {
    static CRATES: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
        let mut is_in_dependencies = false;
        let mut crates = BTreeSet::new();
        for line in include_str!("../../../../Cargo.toml").lines() {
            match line.strip_prefix('[') {
                Some(table) => is_in_dependencies = table.ends_with("dependencies]"),
                None if is_in_dependencies && line.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                    crates.extend(line.split_once(" = ").map(|(name, _)| name.replace('-', "_")));
                }
                None => {}
            }
        }
        crates
    });
    CRATES.contains(name)
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let Some((_, items)) = &item.content else { return };
        let inner = [self.module(), &[item.ident.to_string()]].concat();
        self.modules.push(inner);
        self.scopes.push(BTreeMap::new());
        self.read_imports(items);
        visit::visit_item_mod(self, item);
        self.scopes.pop();
        self.modules.pop();
    }

    /// In a function: those of modules were read before.
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.read_import(item);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        self.note(&names);
        if let [.., _, function] = &names[..] {
            self.source.methods.insert(function.clone());
        }
        visit::visit_path(self, path);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.source.methods.insert(call.method.to_string());
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        if let Some(name) = call.path.segments.last() {
            self.source.macros.insert(name.ident.to_string());
        }
        self.read_tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }
}
