//! The first requests of the published client (section 9), with the responses of a server without switches.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use shared::Directory;
use shared::dialect::openl2m::OpenL2m;
use shared::web::{Authenticated, BaseUrl, Failure};

/// The version of OpenL2M whose API this is.
const VERSION: &str = "4.2.6 (2026-08-21)";

/// `GET /api/`
pub async fn root(Authenticated { caller, .. }: Authenticated<OpenL2m>, base: BaseUrl) -> Json<Value> {
    let mut links = json!({ "switches": link(&base, "switches"), "stats": link(&base, "stats") });
    if caller.user.flags.is_superuser {
        links["admin"] = link(&base, "admin");
    }
    Json(links)
}

/// `GET /api/admin/`
pub async fn admin(_: Authenticated<OpenL2m>, base: BaseUrl) -> Json<Value> {
    Json(json!({
        "switches": link(&base, "admin/switches"),
        "credentials": link(&base, "admin/switches/credentials"),
        "snmpprofiles": link(&base, "admin/switches/snmpprofiles"),
        "switchgroups": link(&base, "admin/switches/switchgroups"),
        "users": link(&base, "admin/users"),
    }))
}

fn link(base: &BaseUrl, below: &str) -> Value {
    format!("{}/api/{below}/", base.0).into()
}

/// `GET /api/switches/`: who the caller is.
pub async fn switches(Authenticated { caller, .. }: Authenticated<OpenL2m>) -> Json<Value> {
    let profile = &caller.user.profile;
    Json(json!({
        "user": {
            "name": caller.user.username,
            "read_only": profile.read_only,
            "vlan_edit": profile.vlan_edit,
            "allow_poe_toggle": profile.allow_poe_toggle,
            "edit_if_descr": profile.edit_if_descr,
        },
        "groups": {},
    }))
}

/// `GET /api/environment/`. The client asks about the server's hardware. The values are constants, because a function has none of its own.
pub async fn environment(_: Authenticated<OpenL2m>, base: BaseUrl) -> Json<Value> {
    let host = base.0.split_once("://").map_or("", |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or_default();
    let entry = |label: &str, value: &str| json!({ "label": label, "value": value });
    Json(json!({
        "python": entry("Python", "none"),
        "os": entry("OS", std::env::consts::OS),
        "distro": entry("Distro", "none"),
        "hostname": entry("Hostname", host),
        "django": entry("Django", "none"),
        "database": entry("Database", "DynamoDB"),
        "database_name": entry("Database Name", "unknown"),
        "database_size": entry("Database Size", "unknown"),
        "ezsnmp": entry("ezSNMP", "none"),
        "openl2m": entry("OpenL2M", VERSION),
    }))
}

/// `GET /api/stats/`. There are no switches, so their numbers are 0; statistics of users and calls are not kept.
pub async fn stats(
    State(directory): State<Arc<Directory>>,
    _: Authenticated<OpenL2m>,
) -> Result<Json<Value>, Failure<OpenL2m>> {
    let tokens = directory.token_total().await?;
    let entry = |label: &str, value: u64| json!({ "label": label, "value": value });
    let mut database = json!({});
    for (name, label) in [
        ("switches", "Switches"),
        ("vlans", "VLANs"),
        ("vlan_groups", "VLAN Groups"),
        ("snmp_profiles", "SNMP Profiles"),
        ("credentials_profiles", "Credentials Profiles"),
        ("commands", "Commands"),
        ("command_lists", "Command Lists"),
        ("api_tokens", "API Tokens"),
        ("log_entries", "Log Entries"),
    ] {
        database[name] = entry(label, if name == "api_tokens" { tokens } else { 0 });
    }
    let times: [(&str, &str); 5] = [
        ("last_hour", "last hour"),
        ("today", "today"),
        ("last_7_days", "last 7 days"),
        ("last_31_days", "last 31 days"),
        ("total", "total"),
    ];
    let mut usage = json!({});
    for (name, label, kept) in [
        ("users", "Users", &times[..4]),
        ("devices", "Devices", &times[..4]),
        ("changes", "Changes", &times[..]),
        ("api_calls", "API Calls", &times[1..4]),
        ("commands", "Commands", &times[1..]),
    ] {
        for (suffix, when) in kept {
            usage[format!("{name}_{suffix}")] = entry(&format!("{label} {when}"), 0);
        }
    }
    Ok(Json(json!({ "database": database, "usage": usage })))
}
