//! No file of a module of `shared` uses one that uses it, directly or through others, but for known circles.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{code, sources};

/// The files that are in a circle today, by module. A circle that is gone must go from here; none may come.
const CIRCLES: &[(&str, &[&str])] = &[
    (
        "directory",
        &[
            "directory",
            "directory::access",
            "directory::cleanup",
            "directory::managed_users",
            "directory::names",
            "directory::search",
            "directory::sign_in",
            "directory::sign_in::basic",
            "directory::sign_in::throttle",
            "directory::users",
        ],
    ),
    (
        "store",
        &[
            "store",
            "store::history",
            "store::keys::guessing",
            "store::lists",
            "store::requests",
            "store::sequences",
            "store::throttle",
            "store::transaction",
            "store::users",
            "store::users::claims",
            "store::users::deleted",
            "store::users::event",
            "store::users::write",
        ],
    ),
];

/// The segments of a path in code.
type Segments = Vec<String>;

/// What a file says about the others.
#[derive(Default)]
struct Source {
    /// The path of its module, after `crate`.
    module: Segments,
    /// The modules that it declares.
    children: BTreeSet<String>,
    /// What its `use` declarations bring, by name, and whether as a part of its own interface.
    imports: Vec<(String, Segments, bool)>,
    /// The paths in the rest of its code.
    paths: Vec<Segments>,
}

/// The files of a module of `shared`, by the path of their modules.
type Files = BTreeMap<Segments, Source>;

impl Source {
    fn read(module: Segments, code: &str) -> Self {
        let mut source = Self { module, ..Self::default() };
        let code = code.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        for statement in code.split_inclusive(';') {
            let line = statement.rfind("use ").map_or("", |at| &statement[at..]);
            let before = statement[..statement.len() - line.len()].trim_end();
            let begins = before.is_empty() || before.ends_with(['}', ']', ';', ')']) || before.ends_with("pub");
            match line.strip_prefix("use ").and_then(|line| line.strip_suffix(';')) {
                Some(tree) if begins => {
                    let is_public = before.ends_with("pub") || before.ends_with(')') && before.contains("pub(");
                    source.bring(&Segments::new(), tree, is_public);
                    source.note(before);
                }
                _ => source.note(statement),
            }
        }
        source
    }

    /// Adds what a tree of a `use` declaration brings.
    fn bring(&mut self, before: &[String], tree: &str, is_public: bool) {
        let tree = tree.trim();
        if let Some((path, list)) = tree.split_once('{') {
            let mut whole = before.to_vec();
            whole.extend(segments(path));
            let (mut depth, mut from) = (0, 0);
            let list = list.strip_suffix('}').expect("a list");
            for (at, c) in list.char_indices().chain([(list.len(), ',')]) {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        self.bring(&whole, &list[from..at], is_public);
                        from = at + 1;
                    }
                    _ => {}
                }
            }
        } else if !tree.is_empty() {
            let (path, name) = tree.split_once(" as ").unwrap_or((tree, ""));
            let mut whole = before.to_vec();
            whole.extend(segments(path));
            if whole.len() > 1 && whole.last().is_some_and(|last| last == "self") {
                whole.pop();
            }
            let name = if name.is_empty() { whole.last().cloned().unwrap_or_default() } else { name.trim().to_owned() };
            self.imports.push((name, whole, is_public));
        }
    }

    /// Adds the modules and the paths that other code names.
    fn note(&mut self, code: &str) {
        let mut before = "";
        for word in code.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':') {
            let path = segments(word);
            if before == "mod" && path.len() == 1 {
                self.children.insert(path[0].clone());
            } else if path.len() > 1 && !path.ends_with(&["super".to_owned()]) {
                self.paths.push(path);
            }
            before = word;
        }
    }

    /// The path after `crate` that a path in this file means, if it is one of this package.
    fn absolute(&self, path: &[String]) -> Option<Segments> {
        let mut from = self.module.clone();
        let mut rest = path;
        match &*path[0] {
            "crate" => return Some(path[1..].to_vec()),
            "self" => rest = &path[1..],
            "super" => {
                while rest.first().is_some_and(|first| first == "super") {
                    from.pop();
                    rest = &rest[1..];
                }
            }
            name if self.children.contains(name) => {}
            name => {
                let (_, known, _) = self.imports.iter().find(|(known, ..)| known == name)?;
                // Of an import, only a path that leads further is looked up, so this ends.
                return (known[0] != name).then(|| self.absolute(known)).flatten().map(|mut whole| {
                    whole.extend_from_slice(&path[1..]);
                    whole
                });
            }
        }
        from.extend_from_slice(rest);
        Some(from)
    }
}

fn segments(path: &str) -> Segments {
    path.split("::").map(str::trim).filter(|segment| !segment.is_empty()).map(str::to_owned).collect()
}

/// The module that has what a path names, through what its modules re-export.
fn owner(files: &Files, path: &[String], depth: usize) -> Option<Segments> {
    let length = (1..=path.len()).rev().find(|length| files.contains_key(&path[..*length]))?;
    let (module, rest) = path.split_at(length);
    let source = &files[module];
    let Some(name) = rest.first().filter(|_| depth < 8) else { return Some(module.to_vec()) };
    let brought = source.imports.iter().filter(|(known, ..)| known == name);
    let brought = brought.filter_map(|(_, path, _)| source.absolute(path));
    // A name can be that of a module and of something in it.
    let next = brought.filter(|next| next != path).find_map(|next| owner(files, &next, depth + 1));
    Some(next.unwrap_or_else(|| module.to_vec()))
}

/// The files that each file uses.
fn edges(files: &Files) -> BTreeMap<&Segments, BTreeSet<Segments>> {
    let mut edges = BTreeMap::<_, BTreeSet<Segments>>::new();
    for (module, source) in files {
        let facade = |path: &Segments| path.len() > module.len() && path.starts_with(module);
        let imports = source.imports.iter().filter_map(|(_, path, is_public)| {
            let whole = source.absolute(path)?;
            (!is_public || !facade(&whole)).then_some(whole)
        });
        let paths = source.paths.iter().filter_map(|path| source.absolute(path));
        let used = imports.chain(paths).filter_map(|path| owner(files, &path, 0));
        edges.entry(module).or_default().extend(used.filter(|used| used != module));
    }
    edges
}

/// The files in circles, each with one that it uses and that leads back to it.
fn circles(files: &Files) -> BTreeMap<String, BTreeSet<String>> {
    let edges = edges(files);
    let leads_to = |from: &Segments, to: &Segments| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(one) = next.pop() {
            if one == to {
                return true;
            }
            if seen.insert(one) {
                next.extend(&edges[one]);
            }
        }
        false
    };
    let mut found = BTreeMap::<String, BTreeSet<String>>::new();
    for (module, used) in &edges {
        for one in used.iter().filter(|one| leads_to(one, module)) {
            found.entry(module.join("::")).or_default().insert(one.join("::"));
        }
    }
    found
}

/// The files of every module of `shared`.
fn modules() -> BTreeMap<String, Files> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("shared/src");
    let mut modules = BTreeMap::<String, Files>::new();
    for file in sources(&root) {
        let path = file.strip_prefix(&root).expect("a path below").with_extension("");
        let mut module: Segments = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if module.last().is_some_and(|last| last == "mod") {
            module.pop();
        }
        let source = Source::read(module.clone(), &code(&file));
        modules.entry(module[0].clone()).or_default().insert(module, source);
    }
    modules
}

#[test]
fn no_file_uses_one_that_uses_it() {
    let known: BTreeMap<&str, BTreeSet<&str>> =
        CIRCLES.iter().map(|(module, files)| (*module, files.iter().copied().collect())).collect();
    let mut checked = 0;
    for (module, files) in modules() {
        let found = circles(&files);
        checked += edges(&files).values().map(BTreeSet::len).sum::<usize>();
        let names: BTreeSet<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(names, known.get(&*module).cloned().unwrap_or_default(), "{module}: {found:#?}");
    }
    assert!(checked > 200, "the uses are found: {checked}");
}

#[test]
fn a_circle_is_found_through_names_that_a_module_passes_on() {
    let read = |module: &str, code: &str| (segments(module), Source::read(segments(module), code));
    let files = Files::from([
        read("a", "mod b;\npub mod c;\npub use self::b::B;\n"),
        read("a::b", "use super::c::{self, D as E};\n"),
        read("a::c", "pub(in super::super) struct D(super::B);\n"),
    ]);
    assert_eq!(circles(&files).into_keys().collect::<Vec<_>>(), ["a::b", "a::c"]);
}
