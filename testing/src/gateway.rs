//! `template.yaml`, and its routes chosen among as API Gateway does for an HTTP API.

use std::path::Path;

use serde_yaml_ng::Value;

/// One route of the API.
#[derive(Debug)]
pub struct Route {
    /// `ANY /path/{proxy+}` or `$default`.
    pub key: String,
    /// The function behind it, by the name of its binary.
    pub function: String,
}

/// How well a route fits: full before greedy before `$default`, then by literal segments,
/// by segments before the greedy one, and by the method's own route before that of any.
type Fit = (u8, usize, usize, bool);

/// A file of the workspace.
pub fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The template; tags such as `!Ref` stay in it.
pub fn template() -> Value {
    serde_yaml_ng::from_str(&read("template.yaml")).expect("YAML")
}

/// The functions of the template: binary and properties.
pub fn functions(template: &Value) -> Vec<(String, &Value)> {
    let resources = template["Resources"].as_mapping().expect("resources");
    resources
        .values()
        .filter(|resource| resource["Type"] == "AWS::Serverless::Function")
        .map(|resource| {
            assert_eq!(resource["Metadata"]["BuildMethod"], "rust-cargolambda");
            let binary = resource["Metadata"]["BuildProperties"]["Binary"].as_str().expect("a binary");
            (binary.to_owned(), &resource["Properties"])
        })
        .collect()
}

/// Every route of the template.
pub fn routes(template: &Value) -> Vec<Route> {
    let mut routes = Vec::new();
    for (function, properties) in functions(template) {
        for event in properties["Events"].as_mapping().into_iter().flat_map(serde_yaml_ng::Mapping::values) {
            if event["Type"] == "Schedule" {
                continue;
            }
            assert_eq!(event["Type"], "HttpApi");
            // SAM makes an event without method and path the default route.
            let key = match (event["Properties"]["Method"].as_str(), event["Properties"]["Path"].as_str()) {
                (Some(method), Some(path)) => format!("{method} {path}"),
                (None, None) => "$default".to_owned(),
                half => panic!("{half:?} of {function} is neither a route nor the default"),
            };
            routes.push(Route { key, function: function.clone() });
        }
    }
    routes
}

/// The route that API Gateway chooses.
pub fn choose<'a>(routes: &'a [Route], method: &str, path: &str) -> Option<&'a Route> {
    let fitting = routes.iter().filter_map(|route| Some((fit(&route.key, method, path)?, route)));
    fitting.max_by_key(|(fit, _)| *fit).map(|(_, route)| route)
}

/// How well a route key fits a request, if it does.
///
/// `/a` fits `/a` and not `/a/`; `{id}` fits one segment that is not empty; `{proxy+}` fits one or more segments,
/// of which the only one can be empty: `/a/{proxy+}` fits `/a/` and `/a/b/`, and not `/a`.
fn fit(key: &str, method: &str, path: &str) -> Option<Fit> {
    let Some((verb, pattern)) = key.split_once(' ') else { return Some((0, 0, 0, false)) };
    if verb != "ANY" && verb != method {
        return None;
    }
    let own = verb == method;
    let segments: Vec<&str> = path.split('/').collect();
    let mut literals = 0;
    for (index, wanted) in pattern.split('/').enumerate() {
        let given = *segments.get(index)?;
        if wanted.ends_with("+}") {
            return Some((1, literals, index, own));
        }
        if wanted.starts_with('{') {
            if given.is_empty() {
                return None;
            }
        } else if wanted == given {
            literals += 1;
        } else {
            return None;
        }
    }
    let length = pattern.split('/').count();
    (length == segments.len()).then_some((2, literals, length, own))
}

#[test]
fn the_most_specific_route_is_chosen() {
    let keys = [
        "$default",
        "ANY /todos",
        "GET /todos",
        "ANY /pets/{proxy+}",
        "GET /pets/{type}/{id}",
        "GET /pets/dog/1",
        "ANY /api/{proxy+}",
        "ANY /api/v1/{proxy+}",
        "ANY /api/v1/user/{id}/email/{proxy+}",
        "ANY /api/v1/user/{proxy+}",
    ];
    let routes = keys.map(|key| Route { key: key.to_owned(), function: String::new() });
    for (method, path, key) in [
        ("GET", "/todos", "GET /todos"),
        ("POST", "/todos", "ANY /todos"),
        ("GET", "/todos/", "$default"),
        ("GET", "/pets", "$default"),
        ("GET", "/pets/", "ANY /pets/{proxy+}"),
        ("GET", "/pets/dog/", "ANY /pets/{proxy+}"),
        ("GET", "/pets/dog/1", "GET /pets/dog/1"),
        ("GET", "/pets/dog/2", "GET /pets/{type}/{id}"),
        ("POST", "/pets/dog/2", "ANY /pets/{proxy+}"),
        ("GET", "/api/x", "ANY /api/{proxy+}"),
        ("GET", "/api/v1/x/y/", "ANY /api/v1/{proxy+}"),
        ("GET", "/api/v1/user/7/", "ANY /api/v1/user/{proxy+}"),
        ("GET", "/api/v1/user/7/email/", "ANY /api/v1/user/{id}/email/{proxy+}"),
        ("GET", "/", "$default"),
    ] {
        assert_eq!(choose(&routes, method, path).map(|route| route.key.as_str()), Some(key), "{method} {path}");
    }
    assert!(choose(&routes[1..], "GET", "/todos/").is_none(), "without a default route nothing is chosen");
}
