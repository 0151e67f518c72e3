//! Bans and traces, as far as they need nobody who signs in.

use super::*;

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

async fn preview(hall: &TestHall, kind: TraceKind, value: &str) -> u64 {
    let input = PreviewBan { kind, value: value.into(), except: None, reason: "a flood".into() };
    preview_ban(&hall.server(), input).await.unwrap().active_users
}

#[tokio::test]
async fn so_many_bans_hold_at_the_same_time() {
    on_both_engines(async |hall| {
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
async fn a_preview_counts_who_was_seen_lately() {
    on_both_engines(async |hall| {
        let value = "f".repeat(64);
        let device = value.clone();
        let users = 5;
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
        assert_eq!(preview(hall, TraceKind::Device, &value).await, users);
        hall.clock.advance(Duration::from_secs(31 * 24 * 3_600));
        assert_eq!(preview(hall, TraceKind::Device, &value).await, 0, "nobody active");
    })
    .await;
}

#[tokio::test]
async fn so_many_traces_of_a_user_are_shown() {
    on_both_engines(async |hall| {
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

#[tokio::test]
async fn a_ban_is_well_formed_and_has_an_end() {
    on_both_engines(async |hall| {
        let plain = |kind, value: &str| ban(hall, kind, value);
        let far = hall.server().now() + Duration::from_secs((limits::BAN_DAYS_MAX as u64 + 1) * 24 * 3_600);
        for wrong in [
            plain(TraceKind::Address, "192.0.2.0/40"),
            plain(TraceKind::Address, "home"),
            // Everybody, or half of them.
            plain(TraceKind::Address, "0.0.0.0/0"),
            plain(TraceKind::Address, &format!("10.0.0.0/{}", limits::BAN_IPV4_BITS_MIN - 1)),
            plain(TraceKind::Address, &format!("2000::/{}", limits::BAN_IPV6_BITS_MIN - 1)),
            plain(TraceKind::Address, "::/64"),
            plain(TraceKind::Address, "::ffff:0:0/96"),
            plain(TraceKind::EmailDomain, "com"),
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
