//! Who may not sign in: their sockets close, and a limited token opens what is open to them.

use moothall_protocol::accounts::{Refresh, SignIn, SignedIn};

use super::*;
use crate::accounts::testing::{self as people, PASSWORD, call, sign_up, try_sign_in, with_accounts};
use crate::{Caller, Operation, Origin, snapshot};

fn operation<'a>(hall: &'a TestHall, name: &str) -> &'a Operation {
    hall.hall.registry().find(name).unwrap()
}

/// What an operation says to the caller before it looks at anything.
fn admits(hall: &TestHall, cx: &Cx, name: &str) -> &'static str {
    code(operation(hall, name).admit(cx))
}

/// A call with the limited token of a refusal.
async fn limited(hall: &TestHall, restricted: &Restricted) -> Cx {
    let token = restricted.limited_token.clone().expect("a limited token");
    let identity = people::identity(&hall.hall, &token).await.unwrap();
    Cx::new(&hall.hall, Caller::Member(identity), Origin::default())
}

#[tokio::test]
async fn who_may_not_sign_in_has_no_socket_and_reads_why() {
    with_accounts(async |hall| {
        let ana = sign_up(&hall.hall, "Ana").await;
        let mut stream = snapshot::open(&call(&hall.hall, &ana).await, None).await.unwrap();
        stream.take(usize::MAX).unwrap();
        let ban = imposed(hall, restriction(ana.user.id, &["login"])).await;
        // What was told before the socket closes still arrives.
        let closing = loop {
            match stream.take(usize::MAX) {
                Ok(_) => tokio::task::yield_now().await,
                Err(closing) => break closing,
            }
        };
        assert_eq!(closing.code, CloseCode::Restricted);
        assert_eq!(closing.reason, "be kind");
        // The token of before is good for what is open to the restricted.
        let cx = call(&hall.hall, &ana).await;
        assert_eq!(admits(hall, &cx, "restrictions.mine"), "ok");
        assert_eq!(admits(hall, &cx, "accounts.me"), "restricted");
        assert_eq!(admits(hall, &cx, "communication.send"), "restricted");
        assert_eq!(admits(hall, &cx, "accounts.sign_in"), "ok", "anybody may");
        assert_eq!(code(snapshot::open(&cx, None).await), "restricted");

        let refused = try_sign_in(&hall.hall, "10.0.0.1", "Ana", PASSWORD).await;
        let restricted = why(refused);
        assert_eq!((restricted.kind.as_str(), restricted.restriction_id), ("login", Some(ban.id)));
        assert_eq!(code(try_sign_in(&hall.hall, "10.0.0.1", "Ana", "wrong horse").await), "bad_credentials");
        let cx = limited(hall, &restricted).await;
        assert_eq!(admits(hall, &cx, "accounts.me"), "restricted");
        assert_eq!(mine(&cx, MyRestrictions::default()).await.unwrap().items[0].id, ban.id);
        let refresh = || Refresh { refresh_token: ana.refresh_token.clone() };
        why(accounts::refresh(&hall.nobody(), refresh()).await);

        lifted(hall, ban.id).await;
        // The sessions of before are what they were, and what was limited is nothing.
        accounts::refresh(&hall.nobody(), refresh()).await.unwrap();
        let token = restricted.limited_token.unwrap();
        assert_eq!(code(people::identity(&hall.hall, &token).await), "token_invalid");
        assert_eq!(admits(hall, &call(&hall.hall, &ana).await, "accounts.me"), "ok");
        try_sign_in(&hall.hall, "10.0.0.1", "Ana", PASSWORD).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_guest_who_may_not_sign_in_gets_a_limited_token_too() {
    with_accounts(async |hall| {
        let guest = people::sign_up_guest(&hall.hall).await;
        let ends_at = Some(hall.server().now() + HOUR);
        imposed(hall, ImposeRestriction { ends_at, ..restriction(guest.user.id, &["all"]) }).await;
        let sign_in = async || -> Result<SignedIn, accounts::Error> {
            let input = SignIn { guest_secret: guest.guest_secret.clone(), ..SignIn::default() };
            accounts::sign_in(&hall.nobody(), input).await
        };
        let first = why(sign_in().await);
        let second = why(sign_in().await);
        let cx = limited(hall, &second).await;
        assert_eq!(admits(hall, &cx, "restrictions.mine"), "ok");
        hall.clock.advance(Duration::from_secs(10));
        assert_eq!(
            code(people::identity(&hall.hall, &first.limited_token.unwrap()).await),
            "token_invalid",
            "one at a time"
        );
        hall.clock.advance(HOUR);
        sign_in().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_session_that_begins_is_told_what_holds_but_nothing_hidden() {
    with_accounts(async |hall| {
        let ana = sign_up(&hall.hall, "Ana").await;
        let id = ana.user.id;
        let ends_at = Some(hall.server().now() + HOUR);
        imposed(hall, restriction(id, &["chat"])).await;
        hall.clock.advance(Duration::from_secs(1));
        imposed(hall, ImposeRestriction { ends_at, ..restriction(id, &["shadow_chat"]) }).await;
        imposed(hall, ImposeRestriction { ends_at, ..restriction(id, &["rename", "shadow_chat"]) }).await;
        let mut stream = snapshot::open(&call(&hall.hall, &ana).await, None).await.unwrap();
        let told = stream.take(1).unwrap().remove(0).1;
        let Event::SessionReady(ready) = told.event() else { panic!("{told:?}") };
        let types: Vec<_> = ready.restrictions.items.iter().map(|own| own.types.clone()).collect();
        assert_eq!(types, [["rename"], ["chat"]]);
        let input = moothall_protocol::accounts::Rename { name: "Anna".into(), password: None };
        assert_eq!(code(accounts::rename(&call(&hall.hall, &ana).await, input).await), "restricted");
    })
    .await;
}
