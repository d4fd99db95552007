//! Which function answers under `cargo lambda watch`: what `Cargo.toml` says, which is made from the template's routes.

use std::collections::BTreeSet;

use super::addresses;
use crate::support::gateway::{Route, choose, read, routes, template};

/// What stands before the lines in `Cargo.toml`. An empty line comes after them.
const HEADING: &str = "[workspace.metadata.lambda.watch.router]\n";

/// The lines that the template's routes make, each a path and a function.
///
/// The router takes `{*rest}` only for one sign or more, and not where another line has `{id}`.
fn lines(routes: &[Route]) -> Vec<String> {
    let paths: Vec<&str> = routes.iter().map(path_of).collect();
    let mut seen = BTreeSet::new();
    let mut lines = Vec::new();
    for route in routes {
        let path = path_of(route);
        let made = match path.strip_suffix("/{proxy+}") {
            Some(base) if paths.iter().any(|other| other.starts_with(&format!("{base}/{{id}}/"))) => {
                ["/", "/{id}", "/{id}/", "/{id}/{*rest}"].map(|end| format!("{base}{end}")).to_vec()
            }
            Some(base) => vec![format!("{base}/"), format!("{base}/{{*rest}}")],
            None => vec![path.to_owned()],
        };
        let new = made.into_iter().filter(|path| seen.insert(path.clone()));
        lines.extend(new.map(|path| format!("{path:?} = {:?}\n", route.function)));
    }
    lines
}

/// The path of a route; the default one has all that are left.
fn path_of(route: &Route) -> &str {
    route.key.split_once(' ').map_or("/{proxy+}", |(_, path)| path)
}

/// What stands between the heading and the empty line after it.
fn written(manifest: &str) -> &str {
    let (_, rest) = manifest.split_once(HEADING).expect("the heading");
    let (lines, _) = rest.split_once("\n\n").expect("an empty line");
    lines
}

#[test]
fn the_manifest_has_the_routes_of_the_template() {
    let template = template();
    let wanted = lines(&routes(&template)).concat();
    let manifest = read("Cargo.toml");
    let found = written(&manifest);
    if std::env::var_os("ROLLCALL_WRITE_ROUTES").is_some() {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let anew = manifest.replacen(&format!("{HEADING}{found}\n"), &format!("{HEADING}{wanted}"), 1);
        std::fs::write(file, anew).expect("the manifest");
        return;
    }
    assert!(
        found == wanted.trim_end(),
        "Cargo.toml should have these routes; ROLLCALL_WRITE_ROUTES=1 writes them:\n{wanted}"
    );
}

#[test]
fn watch_sends_documented_addresses_to_the_same_functions() {
    let manifest: toml::Value = toml::from_str(&read("Cargo.toml")).expect("TOML");
    let lines = manifest["workspace"]["metadata"]["lambda"]["watch"]["router"].as_table().expect("routes");
    let mut watch = matchit::Router::new();
    for (path, function) in lines {
        watch.insert(path, function.as_str().expect("a function")).expect("a route");
    }
    let template = template();
    let routes = routes(&template);
    let documented = addresses().into_iter().flat_map(|address| {
        let bare = address.path.trim_end_matches('/').to_owned();
        [address.path, bare]
    });
    let others = ["/", "/api/v1/users/", "/api/v1/users/nothing/", "/x"].map(str::to_owned);
    for path in documented.chain(others) {
        let route = choose(&routes, "GET", &path).expect("a route");
        let watched = watch.at(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(*watched.value, route.function, "{path}");
    }
}
