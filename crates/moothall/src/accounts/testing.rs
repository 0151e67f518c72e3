//! Short words for what the tests of accounts do often.

use std::sync::Arc;

use moothall_protocol::accounts::{Me, SignIn, SignUp, SignUpGuest, SignedIn};
use moothall_protocol::connections::Resumed;
use moothall_protocol::{Event, UserId};

use super::{Credential, Error, authenticate};
use crate::testing::{TestHall, on_both_engines_with};
use crate::topics::{Frame, Outbox, Reader};
use crate::{Caller, Cx, Fault, Hall, Identity, Origin, Settings, Topic};

/// The password of everybody in these tests.
pub const PASSWORD: &str = "correct horse battery";

/// A test on both engines, with passwords that are hashed as cheaply as the settings allow.
pub async fn with_accounts(test: impl AsyncFn(&mut TestHall)) {
    with_settings(|_| {}, test).await;
}

/// The same, with other settings.
pub async fn with_settings(change: impl Fn(&mut Settings), test: impl AsyncFn(&mut TestHall)) {
    let cheap = |settings: &mut Settings| {
        settings.accounts.password_memory_kib = 8_192;
        settings.accounts.password_passes = 1;
        change(settings);
    };
    on_both_engines_with(cheap, test).await;
}

/// A call by nobody, from this address.
pub fn from(hall: &Hall, address: &str) -> Cx {
    let origin = Origin { address: Some(address.parse().unwrap()), ..Origin::default() };
    Cx::new(hall, Caller::Nobody, origin)
}

/// Who has this access token.
pub async fn identity(hall: &Hall, token: &str) -> Result<Arc<Identity>, crate::Error> {
    authenticate(hall, &Credential::Bearer(token.to_owned())).await
}

/// A call with the access token of a session.
pub async fn call(hall: &Hall, signed_in: &SignedIn) -> Cx {
    let identity = identity(hall, &signed_in.access_token).await.expect("a good token");
    Cx::new(
        hall,
        Caller::Member(identity),
        Origin { address: Some([10, 0, 0, 1].into()), ..Origin::default() },
    )
}

/// Signs up somebody of this name, with `name@example.org`, from 10.0.0.1.
pub async fn sign_up(hall: &Hall, name: &str) -> SignedIn {
    let input = SignUp {
        name: name.to_owned(),
        email: format!("{name}@example.org"),
        password: PASSWORD.to_owned(),
        kind: None,
        device_id: None,
    };
    super::sign_up(&from(hall, "10.0.0.1"), input).await.unwrap().session.unwrap()
}

/// Signs up a guest.
pub async fn sign_up_guest(hall: &Hall) -> SignedIn {
    super::sign_up_guest(&from(hall, "10.0.0.1"), SignUpGuest::default()).await.unwrap()
}

/// Tries to sign in from an address.
pub async fn try_sign_in(hall: &Hall, address: &str, login: &str, password: &str) -> Result<SignedIn, Error> {
    let input =
        SignIn { login: Some(login.to_owned()), password: Some(password.to_owned()), ..SignIn::default() };
    super::sign_in(&from(hall, address), input).await
}

/// What the sessions of a user hear.
pub struct Listener(Reader);

impl Listener {
    /// From now on.
    pub fn of(hall: &Hall, user: UserId) -> Self {
        let outbox = Arc::new(Outbox::default());
        let epoch = outbox.restart();
        let first = Frame::new(None, Event::SessionResumed(Resumed { missed: 0 }));
        let reader = outbox.begin(epoch, Arc::new(first)).unwrap();
        reader.take(1).unwrap();
        hall.topics().subscribe(Topic::User(user), &outbox);
        Self(reader)
    }

    /// The account, as the event since the last look tells it.
    pub fn account(&self) -> Option<Me> {
        let taken = self.0.take(usize::MAX).unwrap();
        taken.iter().rev().find_map(|(_, frame)| match frame.event() {
            Event::AccountUpdated(me) => Some((**me).clone()),
            _ => None,
        })
    }
}

/// Signs an existing user in, to act as them with all they may do.
pub async fn sign_in(hall: &Hall, login: &str) -> Cx {
    let signed_in = try_sign_in(hall, "10.0.0.1", login, PASSWORD).await.expect("signs in");
    call(hall, &signed_in).await
}

/// The code of a refusal.
pub fn code<T, E: Fault>(answer: Result<T, E>) -> &'static str {
    match answer {
        Ok(_) => "ok",
        Err(error) => error.code(),
    }
}
