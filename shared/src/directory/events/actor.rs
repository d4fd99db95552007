//! Who causes events.

use crate::directory::sign_in::{Identity, Means};
use crate::directory::{Caller, RequestOrigin, SystemCaller};
use crate::model::{Actor, ActorKind, CredentialKind, TokenId, User, network_of};

impl RequestOrigin {
    /// The client of this request, who has proven nothing.
    pub(in crate::directory) fn actor(&self) -> Actor {
        let network = self.address.as_deref().and_then(|address| address.parse().ok());
        Actor {
            network: network.map(|address| network_of(address).to_string()),
            request: self.request.clone(),
            ..Actor::system(ActorKind::Anonymous, &self.via)
        }
    }

    /// A user who was authenticated in this request.
    pub(in crate::directory) fn actor_signed_in(&self, user: &User, credential: CredentialKind) -> Actor {
        self.actor().signed_in(user.id, user.username.as_str(), credential, None)
    }
}

impl Identity {
    /// The user of this request.
    pub(in crate::directory) fn actor(&self) -> Actor {
        user_of(&self.user, &self.means, &self.origin)
    }
}

impl Caller {
    /// The caller, for events.
    pub(in crate::directory) fn actor(&self) -> Actor {
        user_of(&self.user, &self.means, &self.origin)
    }
}

impl SystemCaller {
    /// The caller, for events.
    pub(in crate::directory) fn actor(self) -> Actor {
        match self {
            Self::Operator => Actor::system(ActorKind::Operator, "command line"),
            Self::Housekeeping => Actor::system(ActorKind::System, "housekeeping"),
            Self::Outbox => Actor::system(ActorKind::System, "outbox"),
        }
    }
}

fn user_of(user: &User, means: &Means, origin: &RequestOrigin) -> Actor {
    let (credential, token): (_, Option<TokenId>) = match means {
        Means::SignedToken => (CredentialKind::SignedToken, None),
        Means::ApiToken { id, .. } => (CredentialKind::ApiToken, Some(*id)),
        Means::Password => (CredentialKind::Password, None),
        Means::Session(_) => (CredentialKind::Session, None),
    };
    origin.actor().signed_in(user.id, user.username.as_str(), credential, token)
}
