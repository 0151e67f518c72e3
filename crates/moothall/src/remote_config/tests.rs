//! Remote configuration.

use std::cmp::Ordering;

use moothall_protocol::accounts::{CreateRole, DeleteRole};
use moothall_protocol::limits::CONFIG_SHARE_MAX;
use moothall_protocol::remote_config::{ConfigMatch, ConfigRule};
use moothall_protocol::settings::UpdateUserSettings;
use proptest::prelude::*;
use serde_json::json;

use super::choose::{compare, place};
use super::*;
use crate::testing::{Ear, TestHall, on_both_engines};

fn entry(key: &str, value: Value) -> PutConfig {
    PutConfig {
        key: key.into(),
        about: None,
        schema: None,
        value,
        rules: None,
        if_version: None,
        reason: "for a test".into(),
    }
}

fn rule(of: ConfigMatch, value: Value) -> ConfigRule {
    ConfigRule { of, value }
}

async fn put_rules(cx: &Cx, key: &str, rules: Vec<ConfigRule>) {
    put(cx, PutConfig { rules: Some(rules), ..entry(key, json!("else")) }).await.unwrap();
}

async fn value(cx: &Cx, key: &str, input: ReadConfig) -> Value {
    read(cx, input).await.unwrap().values[key].clone()
}

fn version(version: &str) -> ReadConfig {
    ReadConfig { version: Some(version.into()), ..ReadConfig::default() }
}

#[tokio::test]
async fn clients_read_what_is_for_them_and_the_version_tells_whether_it_is_another() {
    on_both_engines(async |hall| {
        let (staff, nobody) = (hall.server(), hall.nobody());
        let beta = ConfigMatch { channels: vec!["beta".into()], ..ConfigMatch::default() };
        let windows = ConfigMatch {
            platforms: vec!["windows".into()],
            version_from: Some("1.10".into()),
            ..ConfigMatch::default()
        };
        put_rules(&staff, "shop", vec![rule(beta, json!("beta")), rule(windows, json!("windows"))]).await;
        put(&staff, entry("flag", json!(true))).await.unwrap();
        let plain = read(&nobody, ReadConfig::default()).await.unwrap();
        assert_eq!(
            plain.values,
            [("flag".to_owned(), json!(true)), ("shop".to_owned(), json!("else"))].into()
        );
        let of = |channel: Option<&str>, platform: &str, version: &str| ReadConfig {
            channel: channel.map(str::to_owned),
            platform: Some(platform.into()),
            version: Some(version.into()),
            install_id: None,
        };
        assert_eq!(
            value(&nobody, "shop", of(Some("beta"), "windows", "1.10")).await,
            "beta",
            "the first counts"
        );
        assert_eq!(value(&nobody, "shop", of(Some("stable"), "windows", "1.10.0")).await, "windows");
        assert_eq!(value(&nobody, "shop", of(None, "windows", "1.9.9")).await, "else");
        assert_eq!(value(&nobody, "shop", of(None, "linux", "2")).await, "else");
        assert_eq!(read(&nobody, of(None, "linux", "2")).await.unwrap().version, plain.version);
        assert_ne!(read(&nobody, of(None, "windows", "2")).await.unwrap().version, plain.version);
        // The same again is no change, and what is not for a client is none for it.
        let list_before = list(&staff, ListConfig::default()).await.unwrap();
        put(&staff, entry("flag", json!(true))).await.unwrap();
        assert_eq!(list(&staff, ListConfig::default()).await.unwrap(), list_before);
        put(&staff, entry("flag", json!(false))).await.unwrap();
        assert_ne!(read(&nobody, ReadConfig::default()).await.unwrap().version, plain.version);
        put(&staff, entry("flag", json!(true))).await.unwrap();
        assert_eq!(read(&nobody, ReadConfig::default()).await.unwrap(), plain);
        hall.restart().await;
        assert_eq!(read(&hall.nobody(), ReadConfig::default()).await.unwrap(), plain);
    })
    .await;
}

#[tokio::test]
async fn rules_are_for_users_segments_and_shares_too() {
    on_both_engines(async |hall: &mut TestHall| {
        let [ana, ben] = [hall.user("ana").await, hall.user("ben").await];
        let (staff, of_ana, of_ben) = (hall.server(), hall.call(ana, &[]), hall.call(ben, &[]));
        let testers = ConfigMatch { users: vec![ana], ..ConfigMatch::default() };
        put_rules(&staff, "tested", vec![rule(testers, json!("new"))]).await;
        assert_eq!(value(&of_ana, "tested", ReadConfig::default()).await, "new");
        assert_eq!(value(&of_ben, "tested", ReadConfig::default()).await, "else");
        let values = json!({ "language": "pt-BR" }).as_object().cloned().unwrap();
        let section = "locale".to_owned();
        let speak = UpdateUserSettings { user_id: ben, section, values, if_version: None, reason: None };
        settings::update_user(&of_ben, speak).await.unwrap();
        let portuguese = Segment { languages: vec!["pt".into()], ..Segment::default() };
        let old = Segment { created_before: Some(staff.now()), ..Segment::default() };
        let of = |segment: Segment| ConfigMatch { segment: Some(segment), ..ConfigMatch::default() };
        put_rules(&staff, "greeting", vec![rule(of(old), json!("old")), rule(of(portuguese), json!("olá"))])
            .await;
        assert_eq!(value(&of_ben, "greeting", ReadConfig::default()).await, "olá");
        assert_eq!(value(&of_ana, "greeting", ReadConfig::default()).await, "else");
        assert_eq!(value(&hall.nobody(), "greeting", ReadConfig::default()).await, "else");
        let share = |share: u32| ConfigMatch { share: Some(share), ..ConfigMatch::default() };
        let ana_stands = place("shared", &ana.to_string());
        put_rules(&staff, "shared", vec![rule(share(ana_stands), json!("in"))]).await;
        assert_eq!(value(&of_ana, "shared", ReadConfig::default()).await, "else");
        put_rules(&staff, "shared", vec![rule(share(ana_stands + 1), json!("in"))]).await;
        assert_eq!(value(&of_ana, "shared", ReadConfig::default()).await, "in");
        let install = ReadConfig { install_id: Some("an installation".into()), ..ReadConfig::default() };
        let stands = place("shared", "an installation");
        put_rules(&staff, "shared", vec![rule(share(stands + 1), json!("in"))]).await;
        assert_eq!(value(&hall.nobody(), "shared", install).await, "in");
        assert_eq!(value(&hall.nobody(), "shared", ReadConfig::default()).await, "else", "nobody is no part");
        put_rules(&staff, "shared", vec![rule(share(CONFIG_SHARE_MAX as u32), json!("in"))]).await;
        assert_eq!(value(&hall.nobody(), "shared", ReadConfig::default()).await, "in", "all are all");
    })
    .await;
}

#[tokio::test]
async fn values_keep_to_their_schema() {
    on_both_engines(async |hall| {
        let staff = hall.server();
        let schema = |schema: Value| schema.as_object().cloned();
        let flag =
            || PutConfig { schema: schema(json!({ "type": "boolean" })), ..entry("flag", json!(true)) };
        put(&staff, flag()).await.unwrap();
        let path = async |wrong: PutConfig| match put(&staff, wrong).await {
            Err(Error::Common(crate::Error::Invalid { fields })) => fields[0].path.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(path(PutConfig { value: json!("yes"), ..flag() }).await, "/value");
        let rules = Some(vec![rule(ConfigMatch::default(), json!(0))]);
        assert_eq!(path(PutConfig { rules, ..flag() }).await, "/rules/0/value");
        assert_eq!(path(PutConfig { schema: schema(json!({ "type": "what" })), ..flag() }).await, "/schema");
        let large = json!({ "description": "x".repeat(CONFIG_SCHEMA_BYTES_MAX) });
        assert_eq!(path(PutConfig { schema: schema(large), ..flag() }).await, "/schema");
        assert_eq!(path(entry("zero", json!("a\0b"))).await, "/value");
        let deep = (0..=json::NESTING).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(path(entry("deep", deep)).await, "/value");
        assert_eq!(value(&hall.nobody(), "flag", ReadConfig::default()).await, true);
    })
    .await;
}

/// Who changes the value alone keeps for whom it is another, and what it may be.
#[tokio::test]
async fn what_is_not_said_stays_and_what_is_empty_is_taken_away() {
    on_both_engines(async |hall| {
        let staff = hall.server();
        let rules =
            vec![rule(ConfigMatch { users: vec![staff.new_id()], ..ConfigMatch::default() }, json!(true))];
        let schema = json!({ "type": "boolean" }).as_object().cloned();
        let about = Some("The shop".to_owned());
        let whole = PutConfig {
            about,
            schema: schema.clone(),
            rules: Some(rules.clone()),
            ..entry("flag", json!(false))
        };
        let before = put(&staff, whole).await.unwrap();
        let after = put(&staff, entry("flag", json!(true))).await.unwrap();
        assert_eq!(after.value, true);
        assert_eq!(
            (&after.about, &after.schema, &after.rules),
            (&before.about, &before.schema, &before.rules)
        );
        // What stays is held against what comes.
        let path = async |wrong: PutConfig| match put(&staff, wrong).await {
            Err(Error::Common(crate::Error::Invalid { fields })) => fields[0].path.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(path(entry("flag", json!("yes"))).await, "/value");
        let other = json!({ "type": "string" }).as_object().cloned();
        assert_eq!(path(PutConfig { schema: other, ..entry("flag", json!("yes")) }).await, "/rules/0/value");
        let none =
            put(&staff, PutConfig { rules: Some(Vec::new()), ..entry("flag", json!(true)) }).await.unwrap();
        assert_eq!((none.rules, none.schema), (Vec::new(), schema));
        let anything = PutConfig { schema: Some(Map::new()), ..entry("flag", json!("yes")) };
        let anything = put(&staff, anything).await.unwrap();
        assert_eq!((anything.schema, anything.value), (None, json!("yes")));
        assert_eq!(put(&staff, entry("flag", json!(5))).await.unwrap().about, "The shop");
    })
    .await;
}

/// Each part of a segment, for one user and over all of them.
#[tokio::test]
async fn whoever_is_of_a_segment_is_so_for_rules_and_for_broadcasts() {
    on_both_engines(async |hall| {
        let [ana, ben] = [hall.user("ana").await, hall.user("ben").await];
        hall.clock.advance(Duration::from_secs(60));
        let cleo = hall.user("cleo").await;
        let cx = hall.server();
        let (before, until) = (cx.now(), cx.now() + Duration::from_secs(60));
        for (user, ends_at) in [(ana, None), (ben, Some(until))] {
            let role = "moderator".to_owned();
            let grant = moothall_protocol::accounts::GrantRole {
                user_id: user,
                role,
                ends_at,
                reason: "for a test".into(),
            };
            accounts::grant_role(&cx, grant).await.unwrap();
        }
        let any = Segment::default;
        let of = async |segment: Segment| {
            let of_rules = async |user: UserId| {
                let segment = segment.clone();
                let facts = cx.read(move |tx| accounts::facts_of(tx, user)).await.unwrap().unwrap();
                facts.are_of(&segment)
            };
            let rules = [of_rules(ana).await, of_rules(ben).await, of_rules(cleo).await];
            let all = segment.clone();
            let nil = UserId::from_uuid(uuid::Uuid::nil());
            let looked = cx.read(move |tx| accounts::audience(tx, &all, nil, 100)).await.unwrap();
            let found = |user: UserId| looked.contains(&(user, true));
            assert_eq!([found(ana), found(ben), found(cleo)], rules, "{segment:?}");
            rules
        };
        assert_eq!(of(any()).await, [true; 3]);
        let moderators = Segment { roles: vec!["host".into(), "moderator".into()], ..any() };
        assert_eq!(of(moderators.clone()).await, [true, true, false]);
        hall.clock.advance(Duration::from_secs(60));
        assert_eq!(of(moderators).await, [true, false, false], "what is over is none");
        assert_eq!(of(Segment { created_before: Some(before), ..any() }).await, [true, true, false]);
        assert_eq!(of(Segment { created_from: Some(before), ..any() }).await, [false, false, true]);
        assert_eq!(of(Segment { seen_since: Some(before), ..any() }).await, [false; 3]);
    })
    .await;
}

#[tokio::test]
async fn a_rule_is_for_roles_that_there_are_and_stays_when_one_is_deleted() {
    on_both_engines(async |hall| {
        let (user, staff) = (hall.user("ana").await, hall.server());
        let of = |role: &str| {
            let segment = Segment { roles: vec![role.into()], ..Segment::default() };
            rule(ConfigMatch { segment: Some(segment), ..ConfigMatch::default() }, json!("theirs"))
        };
        let with = |rules: Vec<ConfigRule>, value: &str| PutConfig {
            rules: Some(rules),
            ..entry("shop", json!(value))
        };
        let refused = put(&staff, with(vec![of("moderator"), of("moderatr")], "else")).await.unwrap_err();
        let Error::Common(crate::Error::Invalid { fields }) = refused else { panic!("{refused:?}") };
        assert_eq!(
            (fields[0].path.as_str(), fields[0].code.as_str(), fields[0].nearest.as_deref()),
            ("/rules/1/match/segment/roles/0", "not_a_choice", Some("moderator"))
        );
        let (name, reason) = ("tester".to_owned(), "for a test".to_owned());
        let role = CreateRole {
            name: name.clone(),
            about: "Tries things".into(),
            permissions: Vec::new(),
            reason: reason.clone(),
        };
        accounts::create_role(&staff, role).await.unwrap();
        let first = put(&staff, with(vec![of("tester")], "one")).await.unwrap();
        accounts::delete_role(&staff, DeleteRole { name, reason: reason.clone() }).await.unwrap();
        assert_eq!(value(&hall.call(user, &[]), "shop", ReadConfig::default()).await, json!("one"));
        put(&staff, entry("shop", json!("two"))).await.unwrap();
        put(&staff, with(vec![of("tester")], "three")).await.unwrap();
        let back = RollBackConfig { key: "shop".into(), version: first.version, reason };
        assert_eq!(roll_back(&staff, back).await.unwrap().rules, [of("tester")]);
    })
    .await;
}

#[tokio::test]
async fn what_an_entry_was_is_kept_and_it_is_rolled_back() {
    on_both_engines(async |hall| {
        let user = hall.user("ana").await;
        let staff = hall.call(user, &[MANAGE]);
        let first = put(&staff, entry("shop", json!(1))).await.unwrap();
        let late = PutConfig { if_version: Some(0), ..entry("shop", json!(2)) };
        let refused = put(&staff, late).await.unwrap_err();
        assert!(matches!(refused, Error::Common(crate::Error::VersionConflict { version }) if version == first.version));
        let second = put(&staff, PutConfig { about: Some("prices".into()), ..entry("shop", json!(2)) }).await.unwrap();
        remove(&staff, RemoveConfig { key: "shop".into(), reason: "closed".into() }).await.unwrap();
        assert!(read(&hall.nobody(), ReadConfig::default()).await.unwrap().values.is_empty());
        let all = |cursor| ListConfigChanges { key: "shop".into(), cursor, limit: Some(2) };
        let newest = history(&staff, all(None)).await.unwrap();
        let rest = history(&staff, all(newest.next.clone())).await.unwrap();
        assert_eq!((newest.items[0].entry.clone(), newest.items[1].entry.clone()), (None, Some(second)));
        assert_eq!((rest.items[0].by, rest.items[0].reason.as_str()), (Some(user), "for a test"));
        let back = RollBackConfig { key: "shop".into(), version: first.version, reason: "open again".into() };
        let again = roll_back(&staff, back.clone()).await.unwrap();
        assert_eq!((&again.value, again.about.as_str()), (&json!(1), ""));
        assert!(again.version > newest.items[0].version, "no version comes twice");
        assert_eq!(value(&hall.nobody(), "shop", ReadConfig::default()).await, 1);
        let gone = RollBackConfig { version: newest.items[0].version, ..back };
        assert!(roll_back(&staff, gone).await.is_err(), "it was nothing then");
        let plain = hall.call(user, &[]);
        assert!(put(&plain, entry("x", json!(1))).await.is_err());
        assert!(list(&plain, ListConfig::default()).await.is_err());
        let target = Some("remote_config:shop".to_owned());
        let filter = moothall_protocol::audit::ListAudit { target, ..Default::default() };
        assert_eq!(audit::list(&hall.server(), filter).await.unwrap().items.len(), 4);
    })
    .await;
}

#[tokio::test]
async fn who_is_connected_hears_of_a_change_also_of_another_process() {
    on_both_engines(async |hall| {
        let ear = Ear::at(hall, [Topic::RemoteConfig]);
        let first = put(&hall.server(), entry("flag", json!(true))).await.unwrap();
        let told = |revision| Event::ConfigChanged(ConfigChanged { revision, spread_ms: SPREAD_MS });
        assert_eq!(ear.heard(), [told(first.version)]);
        put(&hall.server(), entry("flag", json!(true))).await.unwrap();
        assert_eq!(ear.heard(), [], "nothing new");
        let beside = hall.beside().await;
        let second = put(&Cx::server(&beside), entry("flag", json!(false))).await.unwrap();
        assert_eq!(value(&hall.nobody(), "flag", ReadConfig::default()).await, true);
        look(&hall.hall).await.unwrap();
        assert_eq!(value(&hall.nobody(), "flag", ReadConfig::default()).await, false);
        assert_eq!(ear.heard(), [told(second.version)]);
        look(&hall.hall).await.unwrap();
        assert_eq!(ear.heard(), []);
        beside.close().await;
    })
    .await;
}

#[tokio::test]
async fn the_configuration_is_bounded_as_a_whole() {
    on_both_engines(async |hall| {
        let staff = hall.server();
        let large = json!("x".repeat(CONFIG_ANSWER_BYTES_MAX / 2));
        put(&staff, entry("one", large.clone())).await.unwrap();
        assert!(matches!(put(&staff, entry("two", large)).await, Err(Error::TooLarge)));
        put(&staff, entry("one", json!(1))).await.unwrap();
        for number in 1..CONFIG_ENTRIES_MAX {
            put(&staff, entry(&format!("e{number}"), json!(1))).await.unwrap();
        }
        assert!(matches!(put(&staff, entry("more", json!(1))).await, Err(Error::TooMany)));
        assert_eq!(read(&staff, version("1")).await.unwrap().values.len(), CONFIG_ENTRIES_MAX);
    })
    .await;
}

/// The hash is a promise: clients and other servers may count with it.
#[test]
fn the_place_of_a_unit_is_the_same_for_ever() {
    assert_eq!(place("shop", "ana"), 2_492);
}

#[test]
fn a_share_is_as_large_as_it_says() {
    for share in [100_u32, 2_500, 9_000] {
        let within = (0..20_000).filter(|unit| place("seed", &unit.to_string()) < share).count();
        let expected = 2 * share as usize;
        assert!(within.abs_diff(expected) < 300, "{within} of {expected}");
    }
}

proptest! {
    #[test]
    fn versions_are_in_one_order(one: [u8; 3], other: [u8; 3]) {
        let text = |numbers: [u8; 3]| numbers.map(|number| number.to_string()).join(".");
        prop_assert_eq!(compare(&text(one), &text(other)), one.cmp(&other));
        prop_assert_eq!(compare(&format!("{}.0", text(one)), &text(one)), Ordering::Equal);
        prop_assert_eq!(compare(&format!("{}-rc1.7", text(one)), &text(other)), one.cmp(&other));
    }

    /// Who is in keeps what they have when more come in.
    #[test]
    fn a_share_that_grows_keeps_who_is_in(unit in "[a-z0-9]{8,20}", one in 0_u32..=10_000, other in 0_u32..=10_000) {
        let client = Client { install_id: Some(&unit), ..Client::default() };
        let is_in = |share: u32| {
            let of = ConfigMatch { share: Some(share), ..ConfigMatch::default() };
            let entry = ConfigEntry {
                key: "key".into(),
                about: String::new(),
                schema: None,
                value: json!(false),
                rules: vec![rule(of, json!(true))],
                version: 1,
                updated_at: moothall_protocol::Timestamp::MIN,
                updated_by: None,
            };
            choose::choose(&entry, &client, |_, _| false) == &json!(true)
        };
        prop_assert!(!is_in(one.min(other)) || is_in(one.max(other)));
        prop_assert!(is_in(CONFIG_SHARE_MAX as u32) && !is_in(0));
    }
}
