//! Tokens that nobody was given: whatever the header says, only our keys and our claims count (RFC 8725).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::ed25519::signature::Signer as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::StatusCode;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::parameters::SIGNING;
use crate::support::{PASSWORD, TOKEN, TestApp, USERS};

/// What is needed to make tokens as the directory does.
struct Forge {
    key: SigningKey,
    id: String,
    public: String,
    claims: Value,
    genuine: String,
}

impl Forge {
    async fn of(app: &TestApp) -> Self {
        let answer = app.anonymous().post(TOKEN, &json!({"username": "admin", "password": PASSWORD})).await;
        let genuine = answer.json()["token"].as_str().expect("a token").to_owned();
        let set: Value = serde_json::from_str(&app.parameters.value(SIGNING)).expect("a key set");
        let key = &set["keys"][0];
        let text = |name: &str| key[name].as_str().expect("a text").to_owned();
        let seed: [u8; 32] = URL_SAFE_NO_PAD.decode(text("d")).expect("base64").try_into().expect("32 bytes");
        let payload = genuine.split('.').nth(1).expect("a payload");
        let claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64")).expect("claims");
        Self { key: SigningKey::from_bytes(&seed), id: text("kid"), public: text("x"), claims, genuine }
    }

    fn header(&self) -> Value {
        json!({"typ": "JWT", "alg": "EdDSA", "kid": self.id})
    }

    /// The claims, with one of them otherwise; null takes it away.
    fn claims_with(&self, name: &str, value: Value) -> Value {
        let mut claims = self.claims.clone();
        let map = claims.as_object_mut().expect("an object");
        if value.is_null() {
            map.remove(name)
        } else {
            map.insert(name.to_owned(), value)
        };
        claims
    }

    fn header_with(&self, name: &str, value: Value) -> Value {
        let mut header = self.header();
        header[name] = value;
        header
    }
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

fn signed(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let text = unsigned(header, claims);
    let signature = key.sign(text.as_bytes()).to_bytes();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn hmac_signed(secret: &[u8], header: &Value, claims: &Value) -> String {
    let text = unsigned(header, claims);
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length");
    mac.update(text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

async fn refused(app: &TestApp, what: &str, token: &str) {
    let answer = app.bearer(token).get(USERS).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{what}: {answer:?}");
    assert_eq!(answer.json(), json!({"detail": "Invalid token."}), "{what}");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
}

#[tokio::test]
async fn a_token_says_who_for_whom_and_until_when() {
    let app = TestApp::start().await;
    let forge = Forge::of(&app).await;
    let header = forge.genuine.split('.').next().expect("a header");
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).expect("base64")).expect("a header");
    assert_eq!(header, forge.header());
    let id = app.admin().await.get(USERS).await.json()["results"][0]["id"].clone();
    let (issued, expires) = (forge.claims["iat"].as_i64().expect("iat"), forge.claims["exp"].as_i64().expect("exp"));
    assert_eq!(expires - issued, 30 * 24 * 60 * 60);
    assert_eq!(
        forge.claims,
        json!({
            "iss": "rollcall", "aud": "rollcall", "sub": id, "iat": issued, "exp": expires,
            "jti": forge.claims["jti"], "ver": 0,
        })
    );
}

#[tokio::test]
async fn the_forge_makes_good_tokens_when_it_changes_nothing() {
    let app = TestApp::start().await;
    let forge = Forge::of(&app).await;
    let token = signed(&forge.key, &forge.header(), &forge.claims);
    assert_eq!(app.bearer(&token).get(USERS).await.status, StatusCode::OK);
}

#[tokio::test]
async fn other_algorithms_are_refused() {
    let app = TestApp::start().await;
    let forge = Forge::of(&app).await;
    let signature = forge.genuine.rsplit('.').next().expect("a signature");
    for name in ["none", "None", "NONE", "nOnE", ""] {
        let text = unsigned(&forge.header_with("alg", json!(name)), &forge.claims);
        refused(&app, name, &format!("{text}.")).await;
        refused(&app, name, &text).await;
        refused(&app, name, &format!("{text}.{signature}")).await;
    }
    let public = URL_SAFE_NO_PAD.decode(&forge.public).expect("base64");
    // The public key as certificates and PEM files spell it (RFC 8410).
    let der: Vec<u8> =
        [&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00], &public[..]].concat();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        base64::engine::general_purpose::STANDARD.encode(&der)
    );
    for secret in [&public[..], forge.public.as_bytes(), &der, pem.as_bytes(), b"", forge.id.as_bytes()] {
        for name in ["HS256", "EdDSA", "RS256"] {
            let header = forge.header_with("alg", json!(name));
            refused(&app, "a MAC under a public text", &hmac_signed(secret, &header, &forge.claims)).await;
        }
    }
    for name in ["ES256", "RS256", "PS256", "HS512", "Ed25519", "EdDSA2"] {
        let header = forge.header_with("alg", json!(name));
        refused(&app, name, &signed(&forge.key, &header, &forge.claims)).await;
    }
}

#[tokio::test]
async fn other_keys_are_refused_whatever_the_header_offers() {
    let app = TestApp::start().await;
    let forge = Forge::of(&app).await;
    let foreign = SigningKey::from_bytes(&[7; 32]);
    let public = URL_SAFE_NO_PAD.encode(foreign.verifying_key().as_bytes());
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "kid": forge.id, "x": public, "alg": "EdDSA", "use": "sig"});
    refused(&app, "a foreign key", &signed(&foreign, &forge.header(), &forge.claims)).await;
    for kid in [json!(forge.id), json!("foreign"), json!("../../dev/null"), json!("")] {
        for (name, value) in [
            ("jwk", jwk.clone()),
            ("jku", json!("https://attacker.example/jwks.json")),
            ("x5u", json!("https://attacker.example/key.pem")),
            ("x5c", json!(["AAAA"])),
        ] {
            let mut header = forge.header_with(name, value);
            header["kid"] = kid.clone();
            refused(&app, name, &signed(&foreign, &header, &forge.claims)).await;
        }
    }
    for kid in [json!("foreign"), json!(""), Value::Null, json!(1), json!(forge.id.to_lowercase() + "x")] {
        let header = forge.header_with("kid", kid);
        refused(&app, "an unknown kid", &signed(&forge.key, &header, &forge.claims)).await;
    }
    let without = json!({"typ": "JWT", "alg": "EdDSA"});
    refused(&app, "no kid", &signed(&forge.key, &without, &forge.claims)).await;
}

#[tokio::test]
async fn altered_tokens_are_refused() {
    let app = TestApp::start().await;
    let forge = Forge::of(&app).await;
    let jane = app.admin().await.create_user("jane", &json!({"is_superuser": true})).await;
    let mut parts = forge.genuine.split('.');
    let (header, claims, signature) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let altered = URL_SAFE_NO_PAD.encode(forge.claims_with("sub", jane["id"].clone()).to_string());
    let spaced = URL_SAFE_NO_PAD.encode(format!(" {}", forge.claims));
    for (what, token) in [
        ("another subject", format!("{header}.{altered}.{signature}")),
        ("other white space", format!("{header}.{spaced}.{signature}")),
        ("no signature", format!("{header}.{claims}.")),
        ("two parts", format!("{header}.{claims}")),
        ("four parts", format!("{}.{signature}", forge.genuine)),
        ("padding", format!("{}==", forge.genuine)),
        ("a shorter signature", forge.genuine[..forge.genuine.len() - 4].to_owned()),
        ("a zero signature", format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode([0; 64]))),
        ("the parts exchanged", format!("{claims}.{header}.{signature}")),
    ] {
        refused(&app, what, &token).await;
    }
    assert_eq!(app.bearer(&forge.genuine).get(USERS).await.status, StatusCode::OK);
}

#[tokio::test]
async fn claims_that_are_not_ours_are_refused_even_under_our_signature() {
    let app = TestApp::start().await;
    let forge = Forge::of(&app).await;
    let now = forge.claims["iat"].as_i64().expect("iat");
    for (name, value) in [
        ("iss", json!("another")),
        ("iss", json!("Rollcall")),
        ("iss", Value::Null),
        ("aud", json!("another")),
        ("aud", json!(["another"])),
        ("aud", Value::Null),
        ("sub", json!("11111111-1111-4111-8111-111111111111")),
        ("sub", json!("admin")),
        ("sub", Value::Null),
        ("exp", json!(now)),
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("exp", json!("tomorrow")),
        ("ver", json!(1)),
        ("ver", Value::Null),
        ("jti", Value::Null),
    ] {
        let claims = forge.claims_with(name, value.clone());
        refused(&app, &format!("{name} {value}"), &signed(&forge.key, &forge.header(), &claims)).await;
    }
    let list = Value::Array(Vec::new());
    refused(&app, "claims that are no object", &signed(&forge.key, &forge.header(), &list)).await;
}
