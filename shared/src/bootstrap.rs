//! A directory out of settings.

use crate::auth::keys::{KeyRing, KeySource};
use crate::auth::password::{HashCost, Hasher};
use crate::config::Config;
use crate::directory::{Directory, Settings};
use crate::model::ambient::System;
use crate::store::{Connection, RetryPolicy, Store};

/// The largest response body in bytes, as Lambda counts them: 6 MB minus room for the headers.
const MOST_ANSWER: usize = 6 * 1024 * 1024 - 64 * 1024;

/// A directory with this configuration and connection.
pub fn directory(config: &Config, connection: Connection, keys: KeySource, retry_policy: RetryPolicy) -> Directory {
    let ambient = System::shared();
    let at_once = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Directory::new(
        Store::new(connection, &config.table, ambient.clone(), retry_policy),
        ambient.clone(),
        KeyRing::new(keys, ambient.clone()),
        Hasher::new(HashCost::DEFAULT, ambient, at_once),
        Settings {
            token_ttl: config.token_ttl,
            throttle: config.throttle,
            notices: config.notices,
            public_url: config.public_url.clone(),
            cost_header: config.cost_header,
            answer_limit: config.in_lambda.then_some(MOST_ANSWER),
            docs_access: config.docs_access,
            trusted_proxies: config.trusted_proxies.clone(),
            event_retention: config.event_retention,
            deleted_retention: config.deleted_retention,
            webhook_networks: config.webhook_networks.clone(),
        },
    )
}
