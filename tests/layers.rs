//! The code map of `ARCHITECTURE.md` holds: modules of `shared` use only those below them, the core speaks no HTTP, the
//! packages above use no store, and no file uses one of its module that uses it.

mod circles;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The modules of `shared`, and what each may use beside itself.
const LAYERS: &[(&str, &[&str])] = &[
    ("secret", &[]),
    ("model", &["secret"]),
    ("error", &["model", "secret"]),
    ("config", &["error", "model", "secret"]),
    ("aws", &["error"]),
    ("store", &["aws", "error", "model", "secret"]),
    ("auth", &["aws", "config", "error", "model", "secret"]),
    ("directory", &["auth", "config", "error", "model", "secret", "store"]),
    ("web", &["auth", "directory", "error", "model", "secret"]),
    ("dialect", &["auth", "directory", "error", "model", "web"]),
    ("bootstrap", &["auth", "config", "directory", "error", "model", "store"]),
    ("lambda", &["auth", "aws", "bootstrap", "config", "directory", "error", "store", "web"]),
];

/// The modules of the core, and the crates that they may not name.
const CORE: &[(&str, &[&str])] = &[
    ("error", &["http", "axum", "serde_json"]),
    ("model", &["http", "axum", "serde_json"]),
    ("store", &["http", "axum"]),
    ("auth", &["http", "axum"]),
    ("directory", &["http", "axum", "serde_json"]),
];

/// Packages and folders above `shared`, and what of it they may not use.
const ABOVE: &[(&str, &[&str])] =
    &[("functions", &["bootstrap", "store"]), ("src/import", &["store", "web", "dialect", "lambda"])];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// A file without its comments.
fn code(file: &Path) -> String {
    let text = std::fs::read_to_string(file).expect("a source file");
    text.lines().map(|line| line.split("//").next().unwrap_or_default().to_owned() + "\n").collect()
}

/// The module of `shared` that a file belongs to, and the file's path below `shared/src`.
fn module_of(file: &Path, root: &Path) -> (String, String) {
    let path = file.strip_prefix(root).expect("a path below").to_string_lossy().into_owned();
    (path.split('/').next().unwrap_or_default().trim_end_matches(".rs").to_owned(), path)
}

/// Whether code names that crate: by a path that begins with it, or whole in a `use`.
fn names_crate(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].trim_end_matches("::");
        let is_part = before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let is_used = before.ends_with("use ") && code[at + name.len()..].starts_with([';', ' ']);
        !is_part && (is_used || code[at + name.len()..].starts_with("::"))
    })
}

/// The modules that a file names after `root::`, outside its comments; of a list in braces all.
fn uses(file: &Path, root: &str) -> Vec<String> {
    let code = code(file);
    let mut found = Vec::new();
    for (at, _) in code.match_indices(root) {
        let before = code[..at].chars().next_back();
        let rest = &code[at + root.len()..];
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let first = |text: &str| {
            text.trim().split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default().to_owned()
        };
        match rest.strip_prefix('{') {
            None => found.push(first(rest)),
            Some(list) => {
                let mut depth = 1;
                let mut item = String::new();
                for c in list.chars() {
                    match c {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        ',' if depth == 1 => found.push(first(&std::mem::take(&mut item))),
                        _ if depth == 1 => item.push(c),
                        _ => {}
                    }
                    if depth == 0 {
                        found.push(first(&item));
                        break;
                    }
                }
            }
        }
    }
    found.retain(|name| name.starts_with(|c: char| c.is_ascii_lowercase()));
    found
}

#[test]
fn modules_use_only_what_is_below_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("shared/src");
    let layers: BTreeMap<&str, &[&str]> = LAYERS.iter().copied().collect();
    let mut seen = BTreeMap::<String, usize>::new();
    let mut wrong = Vec::new();
    for file in sources(&root) {
        let (module, path) = module_of(&file, &root);
        if module == "lib" {
            continue;
        }
        let Some(may) = layers.get(module.as_str()) else {
            wrong.push(format!("{path}: the module {module} has no layer"));
            continue;
        };
        for used in uses(&file, "crate::") {
            *seen.entry(used.clone()).or_default() += 1;
            if used != module && !may.contains(&used.as_str()) {
                wrong.push(format!("{path} uses {used}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(seen.values().sum::<usize>() > 300, "the lines are found: {seen:?}");
}

#[test]
fn the_core_speaks_no_http() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("shared/src");
    let core: BTreeMap<&str, &[&str]> = CORE.iter().copied().collect();
    let mut wrong = Vec::new();
    let mut elsewhere = 0;
    for file in sources(&root) {
        let (module, path) = module_of(&file, &root);
        let code = code(&file);
        let Some(forbidden) = core.get(module.as_str()) else {
            elsewhere += usize::from(names_crate(&code, "http"));
            continue;
        };
        wrong.extend(
            forbidden.iter().filter(|name| names_crate(&code, name)).map(|name| format!("{path} names {name}")),
        );
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(elsewhere > 10, "the crate is found where it may be named: {elsewhere}");
}

#[test]
fn no_module_may_use_one_that_may_use_it() {
    let layers: BTreeMap<&str, &[&str]> = LAYERS.iter().copied().collect();
    for (module, may) in LAYERS {
        let mut below: Vec<&str> = may.to_vec();
        while let Some(other) = below.pop() {
            assert_ne!(other, *module, "{module} is below itself");
            below.extend(layers[other]);
        }
    }
}

#[test]
fn functions_and_importers_use_only_their_part_of_shared() {
    for (folder, forbidden) in ABOVE {
        for file in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)) {
            for used in uses(&file, "shared::") {
                assert!(!forbidden.contains(&used.as_str()), "{} uses shared::{used}", file.display());
            }
        }
    }
}

/// Otherwise each function compiles them again; see `shared/src/directory/mod.rs`.
#[test]
fn code_of_public_methods_of_the_directory_is_generated_once() {
    let mut boxed = 0;
    for file in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("shared/src/directory")) {
        let code = code(&file);
        let lines: Vec<&str> = code.lines().collect();
        // Importer and exporter are of the program alone, attempts are generic.
        if !code.contains("impl Directory {")
            || file.ends_with("exporter.rs")
            || file.ends_with("importer.rs")
            || file.ends_with("updates.rs")
        {
            continue;
        }
        for (index, line) in lines.iter().enumerate().filter(|(_, line)| line.starts_with("    pub async fn ")) {
            let signature = lines[index..].join(" ");
            let signature = signature.split_once('{').expect("a body").0;
            let is_generic = signature.contains("impl ") || line.contains("<E: ");
            assert!(is_generic || lines[index - 1].trim() == "#[boxed]", "{}: {line}", file.display());
            boxed += usize::from(!is_generic);
        }
    }
    assert!(boxed > 100, "{boxed} methods were found");
}
