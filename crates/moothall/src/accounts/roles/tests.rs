//! Roles and grants: nobody gives more than they have, and an administrator always remains.

use std::time::Duration;

use moothall_protocol::accounts::GetMe;
use moothall_protocol::audit::ListAudit;

use super::*;
use crate::accounts::testing::{Listener, call, code, sign_up, with_accounts};
use crate::accounts::{self};
use crate::testing::TestHall;
use crate::{Clock as _, audit};

const HOUR: Duration = Duration::from_secs(3600);

fn giving(user_id: UserId, role: &str) -> GrantRole {
    GrantRole { user_id, role: role.to_owned(), ends_at: None, reason: "trusted".to_owned() }
}

fn taking(user_id: UserId, role: &str) -> RevokeRole {
    RevokeRole { user_id, role: role.to_owned(), reason: "no longer".to_owned() }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn making(name: &str, permissions: &[&str]) -> CreateRole {
    CreateRole {
        name: name.to_owned(),
        about: String::new(),
        permissions: names(permissions),
        reason: "for a test".into(),
    }
}

fn changing(name: &str, permissions: &[&str]) -> UpdateRole {
    UpdateRole {
        name: name.to_owned(),
        about: None,
        permissions: Some(names(permissions)),
        if_version: None,
        reason: "for a test".into(),
    }
}

/// The newest lines of the log, newest first, as action, target and reason.
async fn log_of(test: &TestHall, count: usize) -> Vec<(String, String, Option<String>)> {
    let lines = audit::list(&test.server(), ListAudit::default()).await.unwrap().items;
    lines.into_iter().take(count).map(|line| (line.action, line.target, line.reason)).collect()
}

async fn moderator(hall: &TestHall) -> Role {
    let roles = list_roles(&hall.server(), ListRoles {}).await.unwrap().items;
    roles.into_iter().find(|role| role.name == "moderator").unwrap()
}

/// The database is as a server left it that did not know this permission yet.
async fn before_there_was(hall: &TestHall, permission: &'static str) {
    hall.unseed("moderator", Some(permission)).await;
    let less = moderator(hall).await.permissions.into_iter().filter(move |known| known != permission);
    let less: Vec<String> = less.collect();
    let cx = hall.server();
    cx.write(move |tx| store::set_permissions(tx, "moderator", less.iter().map(String::as_str)))
        .await
        .unwrap();
}

async fn changes_of_moderators(hall: &TestHall) -> usize {
    let filter = ListAudit { target: Some(target("moderator")), ..ListAudit::default() };
    audit::list(&hall.server(), filter).await.unwrap().items.len()
}

#[tokio::test]
async fn a_role_is_given_what_is_new_with_an_update_once() {
    crate::testing::on_both_engines(async |hall| {
        let whole = moderator(hall).await;
        assert_eq!((whole.version, changes_of_moderators(hall).await), (1, 0), "a new database begins so");
        hall.restart().await;
        assert_eq!(moderator(hall).await, whole, "and nothing is new to it");

        before_there_was(hall, "moderation.appeals").await;
        hall.restart().await;
        let updated = moderator(hall).await;
        assert_eq!((&updated.permissions, updated.version), (&whole.permissions, 2));
        assert_eq!(changes_of_moderators(hall).await, 1);
        // Also by the other node that starts at the same time.
        let beside = hall.beside().await;
        hall.restart().await;
        assert_eq!((moderator(hall).await, changes_of_moderators(hall).await), (updated, 1));
        beside.close().await;

        // What staff takes away stays away, while something else is new.
        let without =
            |names: &[String], name: &str| names.iter().filter(|known| *known != name).cloned().collect();
        let less: Vec<String> = without(&whole.permissions, "moderation.appeals");
        let less = UpdateRole { permissions: Some(less), ..changing("moderator", &[]) };
        update_role(&hall.server(), less).await.unwrap();
        before_there_was(hall, "moderation.cases").await;
        hall.restart().await;
        let again: Vec<String> = without(&whole.permissions, "moderation.appeals");
        assert_eq!(moderator(hall).await.permissions, again);
    })
    .await;
}

/// A database of the time when nobody noted what roles were given.
#[tokio::test]
async fn a_role_of_an_old_database_is_updated_unless_staff_has_changed_it() {
    crate::testing::on_both_engines(async |hall| {
        let whole = moderator(hall).await;
        before_there_was(hall, "moderation.act").await;
        hall.unseed("moderator", None).await;
        hall.restart().await;
        assert_eq!(moderator(hall).await.permissions, whole.permissions);

        let less = UpdateRole { permissions: Some(names(&["moderation.act"])), ..changing("moderator", &[]) };
        update_role(&hall.server(), less).await.unwrap();
        hall.unseed("moderator", None).await;
        hall.restart().await;
        assert_eq!(moderator(hall).await.permissions, ["moderation.act"]);
        // From then on it is known what is new.
        before_there_was(hall, "moderation.cases").await;
        hall.restart().await;
        assert_eq!(moderator(hall).await.permissions, ["moderation.act", "moderation.cases"]);
    })
    .await;
}

#[tokio::test]
async fn a_server_starts_with_four_roles_and_a_restart_changes_none() {
    with_accounts(async |test| {
        let server = test.server();
        let roles = list_roles(&server, ListRoles {}).await.unwrap().items;
        assert_eq!(
            roles.iter().map(|role| role.name.as_str()).collect::<Vec<_>>(),
            ["administrator", "bot", "host", "moderator"]
        );
        assert!(roles.iter().all(|role| role.is_seeded && role.version == 1));
        update_role(&server, changing("moderator", &["accounts.sessions"])).await.unwrap();
        test.restart().await;
        let roles = list_roles(&test.server(), ListRoles {}).await.unwrap().items;
        assert_eq!(roles.last().unwrap().permissions, ["accounts.sessions"], "the operator's change stays");
    })
    .await;
}

#[tokio::test]
async fn t042_a_role_counts_from_the_next_request_on_and_until_it_is_taken() {
    with_accounts(async |test| {
        let ana = sign_up(&test.hall, "Ana").await;
        let server = test.server();
        let can = async || call(&test.hall, &ana).await.can(SESSIONS);
        assert!(!can().await);
        grant_role(&server, giving(ana.user.id, "moderator")).await.unwrap();
        assert!(can().await);
        update_role(&server, changing("moderator", &["audit.read"])).await.unwrap();
        assert!(!can().await);
        update_role(&server, changing("moderator", &["accounts.sessions"])).await.unwrap();
        assert!(can().await);
        revoke_role(&server, taking(ana.user.id, "moderator")).await.unwrap();
        assert!(!can().await);
        assert_eq!(code(revoke_role(&server, taking(ana.user.id, "moderator")).await), "not_found");
    })
    .await;
}

#[tokio::test]
async fn a_grant_ends_by_itself_to_the_microsecond() {
    with_accounts(async |test| {
        let ana = sign_up(&test.hall, "Ana").await;
        let server = test.server();
        let past = GrantRole { ends_at: Some(test.clock.now()), ..giving(ana.user.id, "moderator") };
        assert_eq!(code(grant_role(&server, past).await), "invalid");
        let ends_at = Some(test.clock.now() + Duration::from_secs(4));
        grant_role(&server, GrantRole { ends_at, ..giving(ana.user.id, "moderator") }).await.unwrap();
        let can = async || call(&test.hall, &ana).await.can(SESSIONS);
        test.clock.advance(Duration::from_secs(4) - Duration::from_micros(1));
        assert!(can().await);
        test.clock.advance(Duration::from_micros(1));
        assert!(!can().await, "though it was remembered a moment ago");
        let listed = list_grants(&server, ListGrants::default()).await.unwrap();
        assert_eq!(listed.items.len(), 0);
        accounts::sweep(&server).await.unwrap();
        assert_eq!(code(revoke_role(&server, taking(ana.user.id, "moderator")).await), "not_found");
    })
    .await;
}

#[tokio::test]
async fn a_grant_given_again_is_the_same_grant_with_another_end() {
    with_accounts(async |test| {
        let ana = test.user("Ana").await;
        let server = test.server();
        let first = grant_role(&server, giving(ana, "host")).await.unwrap();
        let ends_at = Some(test.clock.now() + HOUR);
        let second = grant_role(&server, GrantRole { ends_at, ..giving(ana, "host") }).await.unwrap();
        assert_eq!((second.id, second.ends_at), (first.id, ends_at));
        assert_eq!(list_grants(&server, ListGrants::default()).await.unwrap().items, [second]);
    })
    .await;
}

#[tokio::test]
async fn nobody_gives_or_takes_what_they_may_not_do_themselves() {
    with_accounts(async |test| {
        let (ana, ben) = (test.user("Ana").await, test.user("Ben").await);
        let server = test.server();
        let player = test.call(ana, &[]);
        assert_eq!(code(grant_role(&player, giving(ana, "moderator")).await), "forbidden");
        assert_eq!(code(create_role(&player, making("helper", &[])).await), "forbidden");
        assert_eq!(code(list_roles(&player, ListRoles {}).await), "forbidden");
        assert_eq!(code(list_grants(&player, ListGrants::default()).await), "forbidden");
        assert_eq!(code(list_permissions(&player, ListPermissions {}).await), "forbidden");

        let granter = test.call(ana, &[GRANT, ROLES, SESSIONS]);
        assert_eq!(code(grant_role(&granter, giving(ana, ADMINISTRATOR)).await), "beyond_own_permissions");
        assert_eq!(code(grant_role(&granter, giving(ana, "moderator")).await), "beyond_own_permissions");
        assert_eq!(code(create_role(&granter, making("all", &["*"])).await), "beyond_own_permissions");
        assert_eq!(
            code(create_role(&granter, making("keys", &["accounts.keys"])).await),
            "beyond_own_permissions"
        );
        assert_eq!(code(create_role(&granter, making("typo", &["accounts.kyes"])).await), "invalid");
        create_role(&granter, making("helper", &["accounts.sessions"])).await.unwrap();
        grant_role(&granter, giving(ben, "helper")).await.unwrap();
        let wider = changing("helper", &["accounts.keys"]);
        assert_eq!(code(update_role(&granter, wider.clone()).await), "beyond_own_permissions");

        // What they may not do they cannot take from others either.
        update_role(&server, wider).await.unwrap();
        assert_eq!(code(update_role(&granter, changing("helper", &[])).await), "beyond_own_permissions");
        assert_eq!(code(revoke_role(&granter, taking(ben, "helper")).await), "beyond_own_permissions");
        grant_role(&server, giving(ben, ADMINISTRATOR)).await.unwrap();
        assert_eq!(code(revoke_role(&granter, taking(ben, ADMINISTRATOR)).await), "beyond_own_permissions");
    })
    .await;
}

#[tokio::test]
async fn somebody_always_remains_who_may_do_everything_for_good() {
    with_accounts(async |test| {
        let (ana, ben) = (test.user("Ana").await, test.user("Ben").await);
        let server = test.server();
        grant_role(&server, giving(ana, ADMINISTRATOR)).await.unwrap();
        let for_an_hour = GrantRole { ends_at: Some(test.clock.now() + HOUR), ..giving(ben, ADMINISTRATOR) };
        grant_role(&server, for_an_hour.clone()).await.unwrap();
        assert_eq!(code(revoke_role(&server, taking(ana, ADMINISTRATOR)).await), "last_administrator");
        let until_then = GrantRole { user_id: ana, ..for_an_hour };
        assert_eq!(code(grant_role(&server, until_then).await), "last_administrator");
        assert_eq!(code(update_role(&server, changing(ADMINISTRATOR, &[])).await), "role_seeded");
        assert_eq!(
            code(
                delete_role(&server, DeleteRole { name: ADMINISTRATOR.into(), reason: "for a test".into() })
                    .await
            ),
            "role_seeded"
        );

        grant_role(&server, giving(ben, ADMINISTRATOR)).await.unwrap();
        // Both leave at once: one of them may.
        let (one, other) = tokio::join!(
            revoke_role(&server, taking(ana, ADMINISTRATOR)),
            revoke_role(&server, taking(ben, ADMINISTRATOR)),
        );
        let mut codes = [code(one), code(other)];
        codes.sort_unstable();
        assert_eq!(codes, ["last_administrator", "ok"]);
    })
    .await;
}

#[tokio::test]
async fn a_role_is_made_changed_and_deleted_and_each_is_in_the_log() {
    with_accounts(async |test| {
        let ana = test.user("Ana").await;
        let server = test.server();
        let later = || test.clock.advance(Duration::from_millis(1));
        let role = create_role(&server, making("helper", &["audit.read", "audit.read"])).await.unwrap();
        assert_eq!((role.permissions.len(), role.is_seeded, role.version), (1, false, 1));
        assert_eq!(code(create_role(&server, making("helper", &[])).await), "role_taken");
        let about = |about: &str, if_version| UpdateRole {
            reason: "for a test".into(),
            name: "helper".into(),
            about: Some(about.into()),
            permissions: None,
            if_version,
        };
        later();
        let changed = update_role(&server, about("Helps", Some(1))).await.unwrap();
        assert_eq!((changed.about.as_str(), changed.version), ("Helps", 2));
        assert_eq!(changed.permissions, role.permissions);
        assert_eq!(code(update_role(&server, about("Too late", Some(1))).await), "version_conflict");
        let delete = || DeleteRole { name: "helper".into(), reason: "for a test".into() };
        later();
        grant_role(&server, giving(ana, "helper")).await.unwrap();
        assert_eq!(code(delete_role(&server, delete()).await), "role_in_use");
        later();
        revoke_role(&server, taking(ana, "helper")).await.unwrap();
        later();
        delete_role(&server, delete()).await.unwrap();
        assert_eq!(code(delete_role(&server, delete()).await), "not_found");
        assert_eq!(code(grant_role(&server, giving(ana, "helper")).await), "not_found");
        assert_eq!(code(grant_role(&server, giving(server.new_id(), "host")).await), "not_found");

        let user = format!("user:{ana}");
        let line = |action: &str, target: &str, reason: Option<&str>| {
            (action.to_owned(), target.to_owned(), reason.map(str::to_owned))
        };
        assert_eq!(
            log_of(test, 5).await,
            [
                line("accounts.delete_role", "role:helper", Some("for a test")),
                line("accounts.revoke_role", &user, Some("no longer")),
                line("accounts.grant_role", &user, Some("trusted")),
                line("accounts.update_role", "role:helper", Some("for a test")),
                line("accounts.create_role", "role:helper", Some("for a test")),
            ],
            "and nothing of what was refused"
        );
    })
    .await;
}

#[tokio::test]
async fn there_is_an_end_to_roles() {
    with_accounts(async |test| {
        let server = test.server();
        for index in 0..limits::ROLES_MAX - seeds().len() {
            create_role(&server, making(&format!("role-{index}"), &[])).await.unwrap();
        }
        assert_eq!(code(create_role(&server, making("one-more", &[])).await), "too_many_roles");
    })
    .await;
}

#[tokio::test]
async fn grants_are_read_page_by_page_by_user_and_by_role() {
    with_accounts(async |test| {
        let (ana, ben) = (test.user("Ana").await, test.user("Ben").await);
        let server = test.server();
        for (user, role) in [(ana, "host"), (ana, "bot"), (ben, "host")] {
            test.clock.advance(Duration::from_millis(1));
            grant_role(&server, giving(user, role)).await.unwrap();
        }
        let read = async |user_id: Option<UserId>, role: Option<&str>, limit: u32| {
            let (mut pages, mut cursor) = (Vec::new(), None);
            loop {
                let role = role.map(str::to_owned);
                let input = ListGrants { user_id, role, cursor, limit: Some(limit) };
                let page = list_grants(&server, input).await.unwrap();
                pages.push(
                    page.items.into_iter().map(|grant| (grant.user_id, grant.role)).collect::<Vec<_>>(),
                );
                cursor = page.next;
                if cursor.is_none() {
                    return pages;
                }
            }
        };
        let (host, bot) = ("host".to_owned(), "bot".to_owned());
        let all = [(ana, host.clone()), (ana, bot.clone()), (ben, host.clone())];
        assert_eq!(read(None, None, 10).await, [all.to_vec()]);
        assert_eq!(read(None, None, 2).await, [all[..2].to_vec(), all[2..].to_vec()]);
        assert_eq!(read(Some(ana), None, 10).await, [all[..2].to_vec()]);
        assert_eq!(read(Some(ana), Some("bot"), 10).await, [[(ana, bot)].to_vec()]);
        assert_eq!(read(None, Some("host"), 10).await, [[(ana, host.clone()), (ben, host)].to_vec()]);
    })
    .await;
}

#[tokio::test]
async fn every_permission_an_operation_asks_for_is_known() {
    with_accounts(async |test| {
        let known = list_permissions(&test.server(), ListPermissions {}).await.unwrap().items;
        assert!(known.is_sorted() && !known.contains(&Permissions::ALL.to_owned()));
        for permission in
            ["accounts.grant", "audit.read", "communication.moderate", "connections.list", "host"]
        {
            assert!(known.contains(&permission.to_owned()), "{permission} in {known:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn users_see_their_roles_and_are_told_when_these_change() {
    with_accounts(async |test| {
        let ana = sign_up(&test.hall, "Ana").await;
        let cx = call(&test.hall, &ana).await;
        let ear = Listener::of(&test.hall, ana.user.id);
        let held = async || {
            let me = accounts::me(&cx, GetMe {}).await.unwrap();
            (me.roles, me.permissions)
        };
        assert_eq!(held().await, (names(&[]), names(&[])));

        let server = test.server();
        create_role(&server, making("helper", &["audit.read"])).await.unwrap();
        let ends_at = Some(test.clock.now() + Duration::from_secs(3600));
        grant_role(&server, GrantRole { ends_at, ..giving(ana.user.id, "helper") }).await.unwrap();
        grant_role(&server, giving(ana.user.id, "bot")).await.unwrap();
        let told = ear.account().unwrap();
        assert_eq!(told.roles, ["bot", "helper"]);
        assert_eq!(held().await, (names(&["bot", "helper"]), names(&["audit.read"])));

        update_role(&server, changing("helper", &["users.search"])).await.unwrap();
        assert_eq!(held().await.1, names(&["users.search"]), "a role that changes counts at once");
        test.clock.advance(Duration::from_secs(3600));
        assert_eq!(held().await, (names(&["bot"]), names(&[])), "the grant's time is over");
        revoke_role(&server, taking(ana.user.id, "bot")).await.unwrap();
        assert_eq!(ear.account().unwrap().roles, names(&[]));
        assert_eq!(held().await.0, names(&[]));
    })
    .await;
}
