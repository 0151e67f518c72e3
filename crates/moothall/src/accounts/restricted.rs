//! Who may not sign in, and from where: their sockets close, and a limited token opens what is open to them.

mod bans;
mod sign_in;

use std::time::Duration;

use moothall_protocol::accounts::{CreateKey, DeleteMe, GrantRole};
use moothall_protocol::restrictions::*;
use moothall_protocol::settings::UpdateUserSettings;
use moothall_protocol::{CloseCode, Event};

use super::testing::{self, PASSWORD, code, with_accounts};
use crate::restrictions::testing::{imposed, lifted, restriction, why};
use crate::restrictions::{
    self, IMPOSE, add_ban, impose_restriction, lift_restriction, mine, preview_ban, read_traces, remove_ban,
};
use crate::settings::{EDIT_USERS, update_user};
use crate::testing::TestHall;
use crate::{Cx, accounts};

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn staff_restricts_nobody_who_may_do_more_and_lifts_nothing_of_their_own() {
    with_accounts(async |hall| {
        let [ana, staff] = [hall.user("Ana").await, hall.user("Mo").await];
        let staff = hall.call(staff, &[IMPOSE, EDIT_USERS]);
        let server = hall.server();
        let grant =
            GrantRole { user_id: ana, role: "administrator".into(), ends_at: None, reason: "ours".into() };
        accounts::grant_role(&server, grant).await.unwrap();
        let set = UpdateUserSettings {
            user_id: ana,
            section: "locale".into(),
            values: serde_json::Map::from_iter([("language".to_owned(), "en".into())]),
            if_version: None,
            reason: Some("asked for it".into()),
        };
        assert_eq!(code(update_user(&staff, set).await), "forbidden", "nor do they change their settings");
        assert_eq!(code(impose_restriction(&staff, restriction(ana, &["chat"])).await), "forbidden");
        let own = imposed(hall, restriction(staff.user().unwrap(), &["chat"])).await;
        let input = LiftRestriction { restriction_id: own.id, reason: "I was good".into() };
        assert_eq!(code(lift_restriction(&staff, input).await), "own_restriction");
    })
    .await;
}

/// Chapter 25.8 of what surprised in the original: whoever is not there is taken for restricted, so nothing is open to them.
#[tokio::test]
async fn s25_8_who_is_not_there_may_do_nothing() {
    with_accounts(async |hall| {
        let server = hall.server();
        let refused = impose_restriction(&server, restriction(server.new_id(), &["chat"])).await;
        assert_eq!(code(refused), "not_found", "so that nobody believes it holds");
        let ana = testing::sign_up(&hall.hall, "Anastasia").await;
        let cx = testing::call(&hall.hall, &ana).await;
        let input = CreateKey {
            reason: None,
            user_id: None,
            name: "for ever".into(),
            kind: None,
            scopes: vec![],
            expires_at: None,
        };
        let keeper = hall.call(ana.user.id, &[accounts::KEYS]);
        let key = accounts::create_key(&keeper, input).await.unwrap().secret;
        let by_key =
            async || accounts::authenticate(&hall.hall, &accounts::Credential::ApiKey(key.clone())).await;
        assert_eq!(by_key().await.unwrap().user_id, ana.user.id);
        accounts::delete_me(&cx, DeleteMe { password: Some(PASSWORD.into()) }).await.unwrap();
        hall.clock.advance(HOUR * 24);
        accounts::sweep(&server).await.unwrap();
        // What was known of her a moment ago counts no more.
        assert_eq!(code(by_key().await), "token_invalid");
        assert_eq!(code(impose_restriction(&server, restriction(ana.user.id, &["chat"])).await), "not_found");
    })
    .await;
}
