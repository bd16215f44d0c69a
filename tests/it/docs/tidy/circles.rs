//! Files that name each other, directly or through others.

use std::collections::{BTreeMap, BTreeSet};

use super::paths::Source;

type Graph<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// Each circle of files, with its arrows. A parent and its children may name each other.
pub(super) fn among(sources: &[Source]) -> Vec<String> {
    let modules: BTreeMap<&str, &Source> =
        sources.iter().map(|source| (source.module.as_str(), source)).collect();
    let mut graph: Graph<'_> = BTreeMap::new();
    for source in sources.iter().filter(|source| !source.module.is_empty()) {
        let named = source.paths.iter().filter_map(|path| defined_in(path, &modules));
        let others = named.filter(|other| !other.is_empty() && !is_family(other, &source.module));
        graph.insert(&source.module, others.collect());
    }
    let reaches: Graph<'_> = graph.keys().map(|module| (*module, reachable(module, &graph))).collect();
    let mut circles = BTreeSet::new();
    for (module, reached) in &reaches {
        let circle: BTreeSet<&str> =
            reached.iter().copied().filter(|other| reaches[other].contains(module)).collect();
        if circle.len() > 1 {
            circles.insert(circle);
        }
    }
    let described = |circle: &BTreeSet<&str>| {
        let arrows = circle.iter().flat_map(|from| {
            let to = graph[from].intersection(circle);
            to.map(move |to| format!("{from} -> {to}"))
        });
        arrows.collect::<Vec<_>>().join(", ")
    };
    circles.iter().map(described).collect()
}

/// The module in which that stands, seen through what others export.
fn defined_in<'a>(path: &str, modules: &BTreeMap<&'a str, &'a Source>) -> Option<&'a str> {
    let mut path = path.to_owned();
    // An export of an export: not for ever.
    for _ in 0..8 {
        let inner = path.strip_prefix("crate::")?.to_owned();
        let parts: Vec<&str> = inner.split("::").collect();
        let length =
            (1..=parts.len()).rev().find(|n| modules.contains_key(parts[..*n].join("::").as_str()))?;
        let (module, source) = modules.get_key_value(parts[..length].join("::").as_str())?;
        match parts.get(length).and_then(|name| source.exports.get(*name)) {
            Some(other) => path = [&[other.as_str()], &parts[length + 1..]].concat().join("::"),
            None => return Some(module),
        }
    }
    None
}

fn is_family(one: &str, other: &str) -> bool {
    let is_parent = |parent: &str, child: &str| {
        child.strip_prefix(parent).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    is_parent(one, other) || is_parent(other, one)
}

fn reachable<'a>(from: &'a str, graph: &Graph<'a>) -> BTreeSet<&'a str> {
    let (mut found, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(module) = open.pop() {
        for next in graph.get(module).into_iter().flatten() {
            if found.insert(*next) {
                open.push(next);
            }
        }
    }
    found
}
