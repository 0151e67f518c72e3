//! `Cx`: who calls, what they may do, and the way to time, chance and the store. Always the first parameter.

use std::net::IpAddr;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use moothall_protocol::accounts::SessionKind;
use moothall_protocol::restrictions::Restricted;
use moothall_protocol::{ApiKeyId, Event, Id, RequestId, SessionId, Timestamp, UserId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::idempotency::{self, Claim};
use crate::{Hall, Permission, Permissions, Random, Topic};

/// Who calls.
#[derive(Clone, Debug, Default)]
pub enum Caller {
    /// Nobody the server knows: only public operations answer.
    #[default]
    Nobody,
    /// A signed-in user, or a key of theirs.
    Member(Arc<Identity>),
    /// The server itself, its command line, or the program that embeds it: may do everything.
    Server,
}

/// A signed-in caller.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The user. A key acts as the user who owns it.
    pub user_id: UserId,
    /// Who answers for the user, if it is a bot: the same person.
    pub owner_id: Option<UserId>,
    /// The session, or for a key the session that is the key's own.
    pub session_id: SessionId,
    /// What kind of client this is.
    pub kind: SessionKind,
    /// The key, if one was used instead of a token.
    pub api_key_id: Option<ApiKeyId>,
    /// What the caller may do.
    pub permissions: Permissions,
    /// Why the caller may not sign in, if that is so: then they may call but little, see [`Operation::admit`](crate::Operation::admit).
    pub restricted: Option<Arc<Restricted>>,
}

/// What is known of the request beside the caller.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Origin {
    /// The address it came from, as far as the doors trust it.
    pub address: Option<IpAddr>,
    /// What the client calls itself.
    pub agent: Option<String>,
    /// The idempotency key that guards it.
    pub idempotency_key: Option<String>,
}

/// By whom and from where something was asked of a live entity: it goes with the command, for whatever has to be written down.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Asked {
    /// Who asks; nobody for the server itself and for timers.
    pub user: Option<UserId>,
    /// With which key.
    pub api_key_id: Option<ApiKeyId>,
    /// In which request.
    pub request_id: Option<RequestId>,
    /// From where.
    #[serde(with = "shared")]
    pub origin: Arc<Origin>,
}

/// One origin for all that comes of a request.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use super::Origin;

    pub fn serialize<S: Serializer>(origin: &Arc<Origin>, serializer: S) -> Result<S::Ok, S::Error> {
        (**origin).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Origin>, D::Error> {
        Origin::deserialize(deserializer).map(Arc::new)
    }
}

/// The context of one call. Cheap to clone.
#[derive(Clone)]
pub struct Cx(Arc<Scope>);

#[derive(Clone)]
struct Scope {
    hall: Hall,
    caller: Caller,
    request_id: RequestId,
    origin: Arc<Origin>,
    claim: Option<Claim>,
}

impl Cx {
    /// The context of a call by `caller`.
    pub fn new(hall: &Hall, caller: Caller, origin: impl Into<Arc<Origin>>) -> Self {
        let (request_id, origin) = (hall.random().id(hall.clock().now()), origin.into());
        Self(Arc::new(Scope { hall: hall.clone(), caller, request_id, origin, claim: None }))
    }

    /// The context of what the server does by itself, or an embedding program in its name.
    pub fn server(hall: &Hall) -> Self {
        Self::new(hall, Caller::Server, Origin::default())
    }

    /// The same call, now that it is known who calls.
    #[must_use]
    pub fn by(&self, caller: Caller) -> Self {
        Self(Arc::new(Scope { caller, ..Scope::clone(&self.0) }))
    }

    /// The same call, guarded by its idempotency key: see [`Cx::mutate`].
    #[must_use]
    pub fn claiming(&self, claim: Claim) -> Self {
        Self(Arc::new(Scope { claim: Some(claim), ..Scope::clone(&self.0) }))
    }

    /// The server this call runs in.
    pub fn hall(&self) -> &Hall {
        &self.0.hall
    }

    /// Names this call in logs and problems.
    pub fn request_id(&self) -> RequestId {
        self.0.request_id
    }

    /// What is known of the request beside the caller.
    pub fn origin(&self) -> &Origin {
        &self.0.origin
    }

    /// The same, to keep.
    pub fn shared_origin(&self) -> Arc<Origin> {
        Arc::clone(&self.0.origin)
    }

    /// Who calls.
    pub fn caller(&self) -> &Caller {
        &self.0.caller
    }

    /// The signed-in caller, if there is one.
    pub fn identity(&self) -> Option<&Identity> {
        match &self.0.caller {
            Caller::Member(identity) => Some(identity),
            Caller::Nobody | Caller::Server => None,
        }
    }

    /// The user who calls, if one does.
    pub fn user(&self) -> Option<UserId> {
        self.identity().map(|identity| identity.user_id)
    }

    /// Whether this user calls, or a bot of theirs.
    pub fn is_by(&self, user: UserId) -> bool {
        self.identity().is_some_and(|identity| identity.user_id == user || identity.owner_id == Some(user))
    }

    /// The user who calls.
    pub fn require_user(&self) -> Result<UserId, Error> {
        self.user().ok_or(Error::NotSignedIn)
    }

    /// The signed-in caller.
    pub fn require_identity(&self) -> Result<&Identity, Error> {
        self.identity().ok_or(Error::NotSignedIn)
    }

    /// By whom and from where this is asked.
    pub fn asked(&self) -> Asked {
        Asked {
            user: self.user(),
            api_key_id: self.identity().and_then(|identity| identity.api_key_id),
            request_id: Some(self.request_id()),
            origin: self.shared_origin(),
        }
    }

    /// Whether the caller has a permission.
    pub fn can(&self, permission: Permission) -> bool {
        match &self.0.caller {
            Caller::Nobody => false,
            Caller::Member(identity) => identity.permissions.allow(permission),
            Caller::Server => true,
        }
    }

    /// The same, for a permission that is only known by its name.
    pub(crate) fn can_by_name(&self, permission: &str) -> bool {
        match &self.0.caller {
            Caller::Nobody => false,
            Caller::Member(identity) => identity.permissions.allow_by_name(permission),
            Caller::Server => true,
        }
    }

    /// Refuses who is not signed in.
    pub(crate) fn require_signed_in(&self) -> Result<(), Error> {
        match &self.0.caller {
            Caller::Nobody => Err(Error::NotSignedIn),
            Caller::Member(_) | Caller::Server => Ok(()),
        }
    }

    /// Refuses a caller without this permission.
    pub fn require(&self, permission: Permission) -> Result<(), Error> {
        match &self.0.caller {
            Caller::Nobody => Err(Error::NotSignedIn),
            _ if self.can(permission) => Ok(()),
            _ => Err(Error::Lacks(permission.0)),
        }
    }

    /// The time of day.
    pub fn now(&self) -> Timestamp {
        self.0.hall.clock().now()
    }

    /// Time since the server started; never jumps.
    pub fn elapsed(&self) -> Duration {
        self.0.hall.clock().elapsed()
    }

    /// The source of randomness.
    pub fn random(&self) -> &dyn Random {
        self.0.hall.random()
    }

    /// A new id.
    pub fn new_id<K>(&self) -> Id<K> {
        self.random().id(self.now())
    }

    /// Reads one snapshot of the database. The closure may be run again.
    pub async fn read<T, E>(
        &self,
        mut work: impl FnMut(&mut Tx<'_, '_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<moothall_store::Error> + Send + 'static,
    {
        let cx = self.clone();
        self.0.hall.store().read(move |sql| work(&mut Tx { sql, cx: &cx })).await
    }

    /// Writes in one transaction, and answers once it is durable. The closure may be run again.
    ///
    /// For what belongs to no request, or to the preparation of one. The change a mutation is about goes through
    /// [`Cx::mutate`].
    pub async fn write<T, E>(
        &self,
        mut work: impl FnMut(&mut Tx<'_, '_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<moothall_store::Error> + Send + 'static,
    {
        let cx = self.clone();
        self.0.hall.store().write(move |sql| work(&mut Tx { sql, cx: &cx })).await
    }

    /// Looks what a write would come to: all of it is done, and then undone.
    pub(crate) async fn try_out<T, E>(
        &self,
        mut work: impl FnMut(&mut Tx<'_, '_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<moothall_store::Error> + From<Error> + Send + 'static,
    {
        match self.write(move |tx| Err::<(), _>(work(tx).map_or_else(Tried::Refused, Tried::Would))).await {
            Err(Tried::Would(outcome)) => Ok(outcome),
            Err(Tried::Refused(error)) => Err(error),
            Ok(()) => Err(Error::internal("a trial that was not undone").into()),
        }
    }

    /// The one write of a mutation; its result is the operation's answer.
    ///
    /// When the request carries an idempotency key, the key and the answer are stored in this same transaction: a repeated
    /// request gets the first answer and changes nothing, whenever and wherever the first one was cut off.
    pub async fn mutate<T, E>(
        &self,
        mut work: impl FnMut(&mut Tx<'_, '_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        E: From<moothall_store::Error> + From<Error> + Send + 'static,
    {
        let cx = self.clone();
        self.write(move |tx| match &cx.0.claim {
            None => work(tx),
            Some(claim) => idempotency::guard(tx, claim, &mut work),
        })
        .await
    }

    /// The claim that guards this call. Only for the owner of live entities, which stores it beside the entity's effects.
    pub fn claim(&self) -> Option<&Claim> {
        self.0.claim.as_ref()
    }
}

/// What came of a trial.
enum Tried<T, E> {
    Would(T),
    Refused(E),
}

impl<T, E: From<moothall_store::Error>> From<moothall_store::Error> for Tried<T, E> {
    fn from(error: moothall_store::Error) -> Self {
        Self::Refused(error.into())
    }
}

/// A transaction of one call: the store's, with the call's clock and what it will tell once it is committed.
pub struct Tx<'a, 'b> {
    sql: &'a mut moothall_store::Tx<'b>,
    cx: &'a Cx,
}

impl<'a, 'b> Tx<'a, 'b> {
    /// The call this belongs to.
    pub fn cx(&self) -> &'a Cx {
        self.cx
    }

    /// The time of day.
    pub fn now(&self) -> Timestamp {
        self.cx.now()
    }

    /// Publishes an event after the commit, in commit order; never, if this does not commit.
    pub fn emit(&mut self, topic: Topic, event: Event) {
        let hall = self.cx.hall().clone();
        self.sql.after_commit(move || hall.topics().publish(topic, event));
    }
}

impl<'b> Deref for Tx<'_, 'b> {
    type Target = moothall_store::Tx<'b>;

    fn deref(&self) -> &Self::Target {
        self.sql
    }
}

impl DerefMut for Tx<'_, '_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.sql
    }
}
