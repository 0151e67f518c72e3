//! Who may not sign in, and from where: their sockets close, and a limited token opens what is open to them.

mod bans;
mod sign_in;

use std::time::Duration;

use moothall_protocol::accounts::GrantRole;
use moothall_protocol::restrictions::*;
use moothall_protocol::settings::UpdateUserSettings;
use moothall_protocol::{CloseCode, Event};

use super::testing::{code, with_accounts};
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
