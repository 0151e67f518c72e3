//! How lists are found. What is in them is tested with the matches.

use moothall_protocol::matches::ResultStatus;

use super::*;
use crate::testing::on_both_engines;

#[tokio::test]
async fn whatever_few_matches_have_in_common_leads_to_them() {
    on_both_engines(async |test| {
        if test.hall.store().engine() != moothall_store::Engine::Sqlite {
            return; // PostgreSQL plans by what is in the table, and a test's is almost empty.
        }
        let any = ListMatches::default;
        let status = |status| serde_json::from_value(status).unwrap();
        for (wanted, index) in [
            (any(), "sqlite_autoindex_matches_1"),
            (ListMatches { host_id: Some(test.server().new_id()), ..any() }, "matches_by_host"),
            (ListMatches { lobby_id: Some(test.server().new_id()), ..any() }, "matches_by_lobby"),
            (ListMatches { map: Some("hill".into()), mode: Some("duel".into()), ..any() }, "matches_by_map"),
            (ListMatches { mode: Some("duel".into()), ..any() }, "matches_by_mode"),
            (
                ListMatches { tag: Some("fast".into()), mode: Some("duel".into()), ..any() },
                "sqlite_autoindex_match_tags_1",
            ),
            (ListMatches { status: status("running".into()), ..any() }, "matches_live"),
            (ListMatches { status: status("aborted".into()), ..any() }, "matches_aborted"),
            (ListMatches { result_status: Some(ResultStatus::Disputed), ..any() }, "matches_disputed"),
            (ListMatches { user_id: Some(test.server().new_id()), ..any() }, "match_members_by_user"),
        ] {
            for order in [MatchOrder::Newest, MatchOrder::Oldest] {
                let wanted = ListMatches { order: Some(order), ..wanted.clone() };
                let about = format!("{wanted:?}");
                let plan = test.server().read(move |tx| store::plan(tx, &wanted)).await.unwrap();
                let is_led = plan.lines().next().is_some_and(|first| first.contains(index));
                assert!(is_led && !plan.contains("TEMP B-TREE"), "{about}: {plan}");
            }
        }
    })
    .await;
}
