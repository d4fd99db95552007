//! API tokens: 160 random bits in 40 hexadecimal digits, shown once, stored as their SHA-256.

use sha2::{Digest as _, Sha256};

use super::password::hex;
use super::{Login, PlainToken, Recognized};
use crate::ambient::random;
use crate::directory::Directory;
use crate::error::{Error, Result, Unauthenticated};
use crate::model::{ApiToken, Timestamp, TokenId, User, UserId};
use crate::store::{TokenList, TokenWritten};

/// How old, in seconds, the note of the last use may be before it is written again.
const USE_NOTED: i64 = 60;

/// What came of asking for one more token.
#[derive(Debug)]
pub enum OneMoreToken {
    /// Here it is.
    Made(Box<User>, PlainToken),
    /// The user has as many as allowed.
    TooMany,
}

/// Whether a text can be an API token; JWTs have dots.
pub fn has_form(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// What a token's text is found by.
pub fn token_hash(text: &str) -> String {
    hex(&Sha256::digest(text))
}

impl Directory {
    /// The owner of the token of that text; with `username`, if that is the owner's.
    ///
    /// The text is looked up by its hash, so that how long a wrong one takes tells nothing of the right ones.
    pub(super) async fn owner_of(&self, text: &str, username: Option<&str>) -> Result<Recognized> {
        let now = self.ambient.now();
        let hash = token_hash(text);
        let token = if has_form(text) { self.store.token(&hash).await? } else { None };
        let owner = match &token {
            Some(token) => self.store.user(token.user).await?,
            None => None,
        };
        let owner = owner.filter(|owner| username.is_none_or(|name| owner.username.as_str() == name));
        let (Some(token), Some(owner)) = (token, owner) else {
            let named = match username {
                Some(name) => self.user_of_name(name).await?,
                None => None,
            };
            return Ok(Recognized::refused(named, Unauthenticated::InvalidToken));
        };
        if !token.is_good(now) {
            let why = if token.is_active { Unauthenticated::ExpiredToken } else { Unauthenticated::InvalidToken };
            return Ok(Recognized::refused(Some(owner.id), why));
        }
        let recognized = Recognized::if_active(owner, now);
        let is_noted = token.last_used.is_some_and(|used| now < used.plus_seconds(USE_NOTED));
        if recognized.outcome.is_ok() && !is_noted {
            self.store.token_used(&hash, now).await?;
        }
        Ok(recognized)
    }

    /// One more API token for who knows the password of the user of that name, who may have `most` that have not run out,
    /// however many ask at once (`contracts/openl2m.md` section 3).
    ///
    /// # Errors
    /// [`Unauthenticated::WrongPassword`] whatever was wrong, [`Error::Throttled`] after too many failures.
    pub async fn obtain_api_token(
        &self,
        login: Login,
        address: Option<&str>,
        title: &str,
        most: usize,
    ) -> Result<OneMoreToken> {
        let Login { identifier, password } = login;
        let ids = Vec::from_iter(self.user_of_name(identifier.trim()).await?);
        let user = self.sign_in(&ids, &password, address).await?;
        let mut tries = self.store.tries();
        while tries.next().await {
            let list = self.store.tokens(user.id).await?;
            if list.live(self.ambient.now()) >= most {
                return Ok(OneMoreToken::TooMany);
            }
            let (token, text) = self.new_token(user.id, title);
            match self.token_insert(&token, &text, Some(&list)).await? {
                TokenWritten::Done => return Ok(OneMoreToken::Made(Box::new(user), text)),
                TokenWritten::Stale => {}
                TokenWritten::UserGone => return Err(Error::Unauthenticated(Unauthenticated::WrongPassword)),
            }
        }
        Err(Error::Unavailable("the tokens change faster than one can be made".into()))
    }

    /// A token of a user that is not stored yet, and its text.
    pub(crate) fn new_token(&self, user: UserId, title: &str) -> (ApiToken, PlainToken) {
        let now: Timestamp = self.ambient.now();
        let token = ApiToken {
            id: TokenId::generate(now, &*self.ambient),
            user,
            title: title.to_owned(),
            is_active: true,
            created: now,
            updated: now,
            last_used: None,
            good_until: now.plus_seconds(ApiToken::DAYS * 24 * 60 * 60),
        };
        (token, PlainToken(hex(&random::<20>(&*self.ambient))))
    }

    /// Stores a token under the hash of its text.
    pub(crate) async fn token_insert(
        &self,
        token: &ApiToken,
        text: &PlainToken,
        list: Option<&TokenList>,
    ) -> Result<TokenWritten> {
        self.store.token_insert(token, &token_hash(&text.0), list).await
    }
}
