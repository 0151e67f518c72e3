//! Bans of networks, devices and e-mail domains.

use moothall_protocol::accounts::{SignIn, SignUp, SignUpGuest, SignedIn};

use super::*;
use crate::accounts;
use crate::accounts::testing::{PASSWORD, from, try_sign_in, with_accounts};

fn ban(hall: &TestHall, kind: TraceKind, value: &str) -> AddBan {
    AddBan {
        kind,
        value: value.into(),
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

async fn preview(hall: &TestHall, kind: TraceKind, value: &str) -> (u64, usize) {
    let input = PreviewBan { kind, value: value.into(), except: None };
    let preview = preview_ban(&hall.server(), input).await.unwrap();
    (preview.active_users, preview.sample.len())
}

#[tokio::test]
async fn a_banned_network_lets_nobody_in_until_the_ban_is_over() {
    with_accounts(async |hall| {
        let ana = guest(hall, "192.0.2.7", None).await.unwrap();
        let secret = ana.guest_secret.unwrap();
        guest(hall, "192.0.2.9", None).await.unwrap();
        guest(hall, "192.0.3.9", None).await.unwrap();
        assert_eq!(preview(hall, TraceKind::Address, "192.0.2.0/24").await, (2, 2));
        assert_eq!(preview(hall, TraceKind::Address, "192.0.0.0/16").await, (3, 3));
        assert_eq!(
            preview(hall, TraceKind::Address, "192.0.2.7").await,
            (2, 2),
            "of the network that is kept"
        );
        assert_eq!(preview(hall, TraceKind::Address, "198.51.100.0/24").await, (0, 0));
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
        assert_eq!(preview(hall, TraceKind::Device, &device.value).await, (1, 1));
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
        assert_eq!(preview(hall, TraceKind::EmailDomain, "@Spam.example").await, (1, 1));
        add_ban(&hall.server(), ban(hall, TraceKind::EmailDomain, "spam.example")).await.unwrap();
        assert_eq!(code(sign_up("Ben", "ben@mail.SPAM.example").await), "restricted");
        sign_up("Ben", "ben@nospam.example").await.unwrap();
        let sign_in = async || try_sign_in(&hall.hall, "192.0.2.7", "Ana", PASSWORD).await;
        assert_eq!(code(sign_in().await), "restricted");
        let grant = moothall_protocol::accounts::GrantRole {
            user_id: ana.user.id,
            role: "administrator".into(),
            ends_at: None,
            reason: "ours".into(),
        };
        accounts::grant_role(&hall.server(), grant).await.unwrap();
        sign_in().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_ban_is_well_formed_and_has_an_end() {
    with_accounts(async |hall| {
        let plain = |kind, value: &str| ban(hall, kind, value);
        let far = hall.server().now() + Duration::from_secs((limits::BAN_DAYS_MAX as u64 + 1) * 24 * 3_600);
        for wrong in [
            plain(TraceKind::Address, "192.0.2.0/40"),
            plain(TraceKind::Address, "home"),
            plain(TraceKind::Device, "mouse"),
            plain(TraceKind::EmailDomain, "a b"),
            AddBan { ends_at: hall.server().now(), ..plain(TraceKind::Address, "192.0.2.0/24") },
            AddBan { ends_at: far, ..plain(TraceKind::Address, "192.0.2.0/24") },
        ] {
            assert_eq!(code(add_ban(&hall.server(), wrong.clone()).await), "invalid", "{wrong:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn traces_go_with_the_account_and_when_they_are_old() {
    with_accounts(async |hall| {
        let ana = guest(hall, "192.0.2.7", Some("mouse")).await.unwrap().user.id;
        let count = async |hall: &TestHall| {
            let looked = hall.server().read(move |tx| traces::traces_of(tx, ana)).await;
            looked.unwrap().len()
        };
        assert_eq!(count(hall).await, 2);
        hall.clock.advance(Duration::from_secs(181 * 24 * 3_600));
        sweep(&hall.server()).await.unwrap();
        assert_eq!(count(hall).await, 0);
    })
    .await;
}

#[tokio::test]
async fn so_many_bans_hold_at_the_same_time() {
    with_accounts(async |hall| {
        let server = hall.server();
        let plain = ban(hall, TraceKind::EmailDomain, "one.example");
        let first = add_ban(&server, plain.clone()).await.unwrap();
        // The rest of them at once, as they stand in the table.
        let now = server.now();
        server
            .write(move |tx| {
                for number in 1..limits::BANS_MAX {
                    let ban = Ban {
                        id: tx.cx().new_id(),
                        value: format!("n{number}.example"),
                        created_at: now,
                        ..first.clone()
                    };
                    store::insert_ban(tx, &ban)?;
                }
                Ok::<_, Error>(())
            })
            .await
            .unwrap();
        let more = ban(hall, TraceKind::EmailDomain, "more.example");
        assert_eq!(code(add_ban(&server, more.clone()).await), "too_many_bans");
        let page = list_bans(&server, ListBans { limit: Some(1), cursor: None }).await.unwrap();
        let gone = RemoveBan { ban_id: page.items[0].id, reason: "room for others".into() };
        remove_ban(&server, gone).await.unwrap();
        add_ban(&server, more).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_preview_shows_so_many_and_counts_all() {
    with_accounts(async |hall| {
        let value = "f".repeat(64);
        let device = value.clone();
        let users = limits::BAN_SAMPLE_MAX + 5;
        hall.server()
            .write(move |tx| {
                for _ in 0..users {
                    let user = tx.cx().new_id();
                    store::see(tx, user, TraceKind::Device, &device, Timestamp::MIN)?;
                }
                Ok::<_, Error>(())
            })
            .await
            .unwrap();
        let seen = preview(hall, TraceKind::Device, &value).await;
        assert_eq!(seen, (users as u64, limits::BAN_SAMPLE_MAX));
        hall.clock.advance(Duration::from_secs(31 * 24 * 3_600));
        assert_eq!(preview(hall, TraceKind::Device, &value).await, (0, 0), "nobody active");
    })
    .await;
}

#[tokio::test]
async fn so_many_traces_of_a_user_are_shown() {
    with_accounts(async |hall| {
        let ana = hall.user("Ana").await;
        hall.server()
            .write(move |tx| {
                for number in 0..=limits::TRACES_MAX {
                    let device = format!("{number:064x}");
                    store::see(tx, ana, TraceKind::Device, &device, Timestamp::MIN)?;
                }
                Ok::<_, Error>(())
            })
            .await
            .unwrap();
        let input = ReadTraces { user_id: ana, reason: "a flood".into() };
        let shown = read_traces(&hall.server(), input).await.unwrap().items;
        assert_eq!(shown.len(), limits::TRACES_MAX);
    })
    .await;
}
