//! Bans of networks, devices and e-mail domains.

use moothall_protocol::accounts::{ChangeEmail, Refresh, SignIn, SignUp, SignUpGuest, SignedIn};

use super::*;
use crate::Caller;
use crate::accounts::Credential;
use crate::accounts::testing::{PASSWORD, from, try_sign_in};

fn ban(hall: &TestHall, kind: TraceKind, value: &str) -> AddBan {
    AddBan {
        kind,
        value: value.into(),
        spares_older: None,
        ends_at: hall.server().now() + HOUR,
        reason: "a flood of accounts".into(),
        public_reason: "nobody comes from there for now".into(),
    }
}

async fn guest(hall: &TestHall, address: &str, device: Option<&str>) -> Result<SignedIn, accounts::Error> {
    let input = SignUpGuest { device_id: device.map(str::to_owned), ..SignUpGuest::default() };
    accounts::sign_up_guest(&from(&hall.hall, address), input).await
}

async fn comes_back(hall: &TestHall, address: &str, secret: &str) -> Result<SignedIn, accounts::Error> {
    let input = SignIn { guest_secret: Some(secret.to_owned()), ..SignIn::default() };
    accounts::sign_in(&from(&hall.hall, address), input).await
}

async fn preview(hall: &TestHall, kind: TraceKind, value: &str) -> u64 {
    let input = PreviewBan { kind, value: value.into(), except: None, reason: "a flood".into() };
    preview_ban(&hall.server(), input).await.unwrap().active_users
}

#[tokio::test]
async fn a_banned_network_lets_nobody_in_until_the_ban_is_over() {
    with_accounts(async |hall| {
        let ana = guest(hall, "192.0.2.7", None).await.unwrap();
        let secret = ana.guest_secret.unwrap();
        guest(hall, "192.0.2.9", None).await.unwrap();
        guest(hall, "192.0.3.9", None).await.unwrap();
        assert_eq!(preview(hall, TraceKind::Address, "192.0.2.0/24").await, 2);
        assert_eq!(preview(hall, TraceKind::Address, "192.0.0.0/16").await, 3);
        assert_eq!(preview(hall, TraceKind::Address, "192.0.2.7").await, 2, "of the network that is kept");
        assert_eq!(preview(hall, TraceKind::Address, "198.51.100.0/24").await, 0);
        let added = add_ban(&hall.server(), ban(hall, TraceKind::Address, "192.0.2.0/28")).await.unwrap();
        assert_eq!(added.value, "192.0.2.0/28");
        let again = add_ban(&hall.server(), ban(hall, TraceKind::Address, "192.0.2.1/28")).await;
        assert_eq!(code(again), "already_banned");
        let restricted = why(comes_back(hall, "192.0.2.7", &secret).await);
        assert_eq!((restricted.restriction_id, restricted.ends_at), (None, Some(added.ends_at)));
        assert_eq!(restricted.limited_token, None);
        assert_eq!(code(guest(hall, "192.0.2.8", None).await), "restricted");
        guest(hall, "192.0.2.16", None).await.unwrap();
        comes_back(hall, "203.0.113.5", &secret).await.unwrap();
        hall.clock.advance(HOUR);
        guest(hall, "192.0.2.8", None).await.unwrap();
        // What is over is no ban, and leaves room for another.
        add_ban(&hall.server(), ban(hall, TraceKind::Address, "192.0.2.0/28")).await.unwrap();
        assert_eq!(code(guest(hall, "192.0.2.8", None).await), "restricted");
    })
    .await;
}

#[tokio::test]
async fn a_banned_device_is_known_wherever_it_comes_from() {
    with_accounts(async |hall| {
        let ana = guest(hall, "192.0.2.7", Some("left-handed mouse")).await.unwrap();
        let input = ReadTraces { user_id: ana.user.id, reason: "a flood".into() };
        let traces = read_traces(&hall.server(), input).await.unwrap().items;
        let device = traces.iter().find(|trace| trace.kind == TraceKind::Device).unwrap();
        assert!(!device.value.contains("mouse"), "the id itself is not kept");
        let network = traces.iter().find(|trace| trace.kind == TraceKind::Address).unwrap();
        assert_eq!(network.value, "192.0.2.0/24");
        assert_eq!(preview(hall, TraceKind::Device, &device.value).await, 1);
        let added = add_ban(&hall.server(), ban(hall, TraceKind::Device, &device.value)).await.unwrap();
        assert_eq!(code(guest(hall, "203.0.113.5", Some("left-handed mouse")).await), "restricted");
        guest(hall, "192.0.2.7", Some("trackball")).await.unwrap();
        let input = RemoveBan { ban_id: added.id, reason: "sold".into() };
        remove_ban(&hall.server(), input).await.unwrap();
        guest(hall, "203.0.113.5", Some("left-handed mouse")).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_banned_domain_signs_nobody_up_and_who_is_exempt_signs_in() {
    with_accounts(async |hall| {
        let sign_up = async |name: &str, email: &str| {
            let input = SignUp {
                name: name.into(),
                email: email.into(),
                password: PASSWORD.into(),
                kind: None,
                device_id: None,
            };
            accounts::sign_up(&from(&hall.hall, "192.0.2.7"), input).await
        };
        let ana = sign_up("Ana", "ana@spam.example").await.unwrap().session.unwrap();
        assert_eq!(preview(hall, TraceKind::EmailDomain, "@Spam.example").await, 1);
        add_ban(&hall.server(), ban(hall, TraceKind::EmailDomain, "spam.example")).await.unwrap();
        assert_eq!(code(sign_up("Ben", "ben@mail.SPAM.example").await), "restricted");
        let ben = sign_up("Ben", "ben@nospam.example").await.unwrap().session.unwrap();
        let identity = Credential::Bearer(ben.access_token);
        let identity = accounts::authenticate(&hall.hall, &identity).await.unwrap();
        let moves = ChangeEmail { email: "ben@spam.example".into(), password: PASSWORD.into() };
        let moved = accounts::change_email(&hall.nobody().by(Caller::Member(identity)), moves).await;
        assert_eq!(code(moved), "restricted", "nor is it anybody's new address");
        let refresh = async || {
            let input = Refresh { refresh_token: ana.refresh_token.clone() };
            accounts::refresh(&from(&hall.hall, "192.0.2.7"), input).await
        };
        assert_eq!(code(refresh().await), "restricted", "nor does a session go on");
        let sign_in = async || try_sign_in(&hall.hall, "192.0.2.7", "Ana", PASSWORD).await;
        assert_eq!(code(sign_in().await), "restricted");
        let grant = GrantRole {
            user_id: ana.user.id,
            role: "administrator".into(),
            ends_at: None,
            reason: "ours".into(),
        };
        accounts::grant_role(&hall.server(), grant).await.unwrap();
        sign_in().await.unwrap();
        refresh().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn traces_go_with_the_account_and_when_they_are_old() {
    with_accounts(async |hall| {
        let ana = guest(hall, "192.0.2.7", Some("mouse")).await.unwrap().user.id;
        let count = async |hall: &TestHall| {
            let input = ReadTraces { user_id: ana, reason: "to see".into() };
            read_traces(&hall.server(), input).await.unwrap().items.len()
        };
        assert_eq!(count(hall).await, 2);
        hall.clock.advance(Duration::from_secs(181 * 24 * 3_600));
        restrictions::sweep(&hall.server()).await.unwrap();
        assert_eq!(count(hall).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_ban_that_spares_older_accounts_stops_new_ones() {
    with_accounts(async |hall| {
        let ana = guest(hall, "192.0.2.7", None).await.unwrap();
        hall.clock.advance(HOUR);
        let narrow = AddBan {
            spares_older: Some(true),
            public_reason: "no new accounts from here".into(),
            ..ban(hall, TraceKind::Address, "192.0.2.0/24")
        };
        assert!(add_ban(&hall.server(), narrow).await.unwrap().spares_older);
        assert_eq!(code(guest(hall, "192.0.2.7", None).await), "restricted");
        let back = comes_back(hall, "192.0.2.7", &ana.guest_secret.clone().unwrap()).await.unwrap();
        let input = Refresh { refresh_token: back.refresh_token };
        accounts::refresh(&from(&hall.hall, "192.0.2.9"), input).await.unwrap();
        // Who came from elsewhere after it was made is new, too.
        let new = guest(hall, "198.51.100.1", None).await.unwrap();
        let secret = new.guest_secret.unwrap();
        assert_eq!(
            why(comes_back(hall, "192.0.2.7", &secret).await).public_reason,
            "no new accounts from here"
        );
        // Another ban of the same place, which spares nobody, is not covered by it.
        let wide = AddBan {
            public_reason: "nobody".into(),
            ends_at: hall.server().now() + HOUR / 2,
            ..ban(hall, TraceKind::Address, "192.0.0.0/16")
        };
        add_ban(&hall.server(), wide).await.unwrap();
        let refused = comes_back(hall, "192.0.2.7", &ana.guest_secret.unwrap()).await;
        assert_eq!(why(refused).public_reason, "nobody");
    })
    .await;
}

#[tokio::test]
async fn a_preview_of_a_domain_counts_all_below_it_and_is_written_down() {
    with_accounts(async |hall| {
        for (name, domain) in
            [("Ana", "spam.example"), ("Ben", "mail.spam.example"), ("Cleo", "notspam.example")]
        {
            let user = hall.user(name).await;
            let arrival = restrictions::Arrival { email_domain: Some(domain.into()), ..Default::default() };
            hall.server().write(move |tx| restrictions::record(tx, user, &arrival)).await.unwrap();
        }
        assert_eq!(preview(hall, TraceKind::EmailDomain, "spam.example").await, 2);
        assert_eq!(preview(hall, TraceKind::EmailDomain, "mail.spam.example").await, 1);
        let lines = moothall_protocol::audit::ListAudit {
            action: Some("restrictions.preview_ban".into()),
            ..Default::default()
        };
        assert_eq!(crate::audit::list(&hall.server(), lines).await.unwrap().items.len(), 2);
    })
    .await;
}
