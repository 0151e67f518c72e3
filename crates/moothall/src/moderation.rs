//! Moderation: reports, the cases they make, what moderators do about them, and what can be said against that.
//!
//! Start at [`operations`]. Players report (`reports.rs`), with what there was to see at that time (`evidence.rs`). Open reports of one
//! user make one *case* (`cases.rs`), whose priority is a sum that is shown (`priority.rs`). A moderator claims a case and dismisses it or
//! takes an *action* (`actions.rs`), which a table proposes (`escalation.rs`) and a person decides; each action can be taken back with all
//! that came of it (`effects.rs`). Against an action its user appeals (`appeals.rs`), and another moderator decides. Who may be the same
//! person stands in `alternates.rs`, and who comes back although they may not sign in makes a
//! case (`evasion.rs`); figures in `statistics.rs`; what users and staff are told goes through `notify.rs`; what is forgotten when, in
//! `retention.rs`.
//!
//! Promises: what is acted, reverted or decided is done wholly or not at all, audited, and told to whom it concerns; nobody decides
//! about themselves, nor on an appeal against what they did; nothing here restricts anybody without a person's decision.

mod actions;
mod alternates;
mod appeals;
mod cases;
mod effects;
mod error;
mod escalation;
mod evasion;
mod evidence;
mod files;
mod notes;
mod notify;
mod priority;
mod reports;
mod retention;
mod settings;
mod statistics;
mod store;

use moothall_protocol::restrictions::RestrictionScope;

use crate::operation::{Access, Operations, Rate};
use crate::{Cx, Hall, Permission, communication, jobs, lobbies, restrictions};
pub use actions::{
    acknowledge, act, act_on_many, list as list_actions, list_templates, mine as my_actions, propose, revert,
};
pub use alternates::{find as find_alternates, link as link_alternates, unlink as unlink_alternates};
pub use appeals::{
    decide as decide_appeal, file as appeal, get as get_appeal, list as list_appeals, mine as my_appeals,
    write as write_appeal,
};
pub use cases::{
    ask_second_opinion, claim as claim_case, dismiss as dismiss_case, list as list_cases, next as next_case,
    release as release_case, snooze as snooze_case,
};
pub use error::Error;
pub use files::{list_reports, read_case, read_file};
pub use notes::{add as add_note, list as list_notes, pin as pin_note};
pub(crate) use notify::notice_kinds;
pub use reports::{categories, file as report, mine as my_reports};
pub(crate) use retention::forget;
pub use settings::{Escalation, Settings};
pub use statistics::read as statistics;
pub(crate) use {
    actions::export as export_actions, appeals::export as export_appeals, reports::export as export_reports,
};

/// Works on cases, and reads all that moderation knows of users.
pub const CASES: Permission = Permission("moderation.cases");
/// Acts on users, and takes actions back.
pub const ACT: Permission = Permission("moderation.act");
/// Decides appeals.
pub const APPEALS: Permission = Permission("moderation.appeals");
/// Looks who may be the same person, and links accounts.
pub const ALTERNATES: Permission = Permission("moderation.alternates");
/// Reports as a program that watches over the game.
pub const REPORT_AUTOMATICALLY: Permission = Permission("moderation.report_automatically");

/// The operations of this context.
pub fn operations() -> Operations {
    let operations = Operations::context("moderation", "Reports, cases, actions and appeals")
        .permission(REPORT_AUTOMATICALLY);
    of_appeals(of_actions(of_cases(of_reports(operations.errors(Error::CATALOGUE)))))
}

fn of_reports(operations: Operations) -> Operations {
    operations
        .get("/moderation/categories", "moderation.categories", Access::Player, categories)
        .post("/moderation/reports", "moderation.report", Access::Player, report)
        .get("/moderation/reports/mine", "moderation.my_reports", Access::Player, my_reports)
        .get("/moderation/statistics", "moderation.statistics", Access::Public, statistics)
}

fn of_cases(operations: Operations) -> Operations {
    let may = Access::Permission(CASES);
    operations
        .get("/moderation/cases", "moderation.list_cases", may, list_cases)
        .rate(Rate::Admin)
        .post("/moderation/cases/next", "moderation.next_case", may, next_case)
        .rate(Rate::Admin)
        .post("/moderation/cases/{case_id}/file", "moderation.read_case", may, read_case)
        .rate(Rate::Admin)
        .post("/moderation/cases/{case_id}/claim", "moderation.claim_case", may, claim_case)
        .rate(Rate::Admin)
        .post("/moderation/cases/{case_id}/release", "moderation.release_case", may, release_case)
        .rate(Rate::Admin)
        .post("/moderation/cases/{case_id}/snooze", "moderation.snooze_case", may, snooze_case)
        .rate(Rate::Admin)
        .post(
            "/moderation/cases/{case_id}/second_opinion",
            "moderation.ask_second_opinion",
            may,
            ask_second_opinion,
        )
        .rate(Rate::Admin)
        .post("/moderation/cases/{case_id}/dismiss", "moderation.dismiss_case", may, dismiss_case)
        .rate(Rate::Admin)
        .post("/users/{user_id}/moderation_file", "moderation.read_file", may, read_file)
        .rate(Rate::Admin)
        .get("/moderation/reports", "moderation.list_reports", may, list_reports)
        .rate(Rate::Admin)
        .get("/users/{user_id}/notes", "moderation.list_notes", may, list_notes)
        .rate(Rate::Admin)
        .post("/users/{user_id}/notes", "moderation.add_note", may, add_note)
        .rate(Rate::Admin)
        .put("/moderation/notes/{note_id}/pin", "moderation.pin_note", may, pin_note)
        .rate(Rate::Admin)
}

fn of_actions(operations: Operations) -> Operations {
    let (may, look) = (Access::Permission(ACT), Access::Permission(CASES));
    operations
        .get("/moderation/templates", "moderation.templates", look, list_templates)
        .rate(Rate::Admin)
        .get("/users/{user_id}/proposal", "moderation.propose", look, propose)
        .rate(Rate::Admin)
        .get("/moderation/actions", "moderation.list_actions", look, list_actions)
        .rate(Rate::Admin)
        .post("/moderation/actions", "moderation.act", may, act)
        .rate(Rate::Admin)
        .post("/moderation/actions/many", "moderation.act_on_many", may, act_on_many)
        .rate(Rate::Admin)
        .post("/moderation/actions/{action_id}/revert", "moderation.revert", may, revert)
        .rate(Rate::Admin)
        .get("/moderation/actions/mine", "moderation.my_actions", Access::Player, my_actions)
        .open_to_restricted()
        .post(
            "/moderation/actions/{action_id}/acknowledge",
            "moderation.acknowledge",
            Access::Player,
            acknowledge,
        )
        .open_to_restricted()
        .post(
            "/users/{user_id}/alternates",
            "moderation.find_alternates",
            Access::Permission(ALTERNATES),
            find_alternates,
        )
        .rate(Rate::Admin)
        .put(
            "/users/{user_id}/alternates/{other_id}",
            "moderation.link_alternates",
            Access::Permission(ALTERNATES),
            link_alternates,
        )
        .rate(Rate::Admin)
        .delete(
            "/users/{user_id}/alternates/{other_id}",
            "moderation.unlink_alternates",
            Access::Permission(ALTERNATES),
            unlink_alternates,
        )
        .rate(Rate::Admin)
}

fn of_appeals(operations: Operations) -> Operations {
    let may = Access::Permission(APPEALS);
    operations
        .post("/moderation/actions/{action_id}/appeals", "moderation.appeal", Access::Player, appeal)
        .open_to_restricted()
        .get("/moderation/appeals/mine", "moderation.my_appeals", Access::Player, my_appeals)
        .open_to_restricted()
        .get("/moderation/appeals/{appeal_id}", "moderation.get_appeal", Access::Player, get_appeal)
        .open_to_restricted()
        .post(
            "/moderation/appeals/{appeal_id}/messages",
            "moderation.write_appeal",
            Access::Player,
            write_appeal,
        )
        .open_to_restricted()
        .rate(Rate::Social)
        .get("/moderation/appeals", "moderation.list_appeals", may, list_appeals)
        .rate(Rate::Admin)
        .post("/moderation/appeals/{appeal_id}/decide", "moderation.decide_appeal", may, decide_appeal)
        .rate(Rate::Admin)
}

/// The kinds of jobs of this context.
pub(crate) fn job_kinds() -> [jobs::KindEntry; 4] {
    [
        jobs::KindEntry::of::<effects::Content>(),
        jobs::KindEntry::of::<cases::CloseReports>(),
        jobs::KindEntry::of::<cases::ReconsiderReports>(),
        jobs::KindEntry::of::<retention::Forget>(),
    ]
}

/// All SQL of this context.
pub(crate) fn statements() -> Vec<(&'static str, &'static str)> {
    [
        store::STATEMENTS,
        actions::STATEMENTS,
        appeals::STATEMENTS,
        alternates::STATEMENTS,
        retention::STATEMENTS,
    ]
    .concat()
}

/// Has this context hear of reports and of who comes.
pub(crate) fn prepare(hall: &Hall) {
    communication::on_reported(hall, reports::of_contact);
    restrictions::on_device(hall, |tx, user, device| {
        evasion::look(tx, user, device).map_err(Error::into_common)
    });
    restrictions::on_programs(hall, actions::OF_PROGRAMS);
    restrictions::placed_by(hall, survey);
}

/// Closes cases that nobody decided for long, and forgets those that were closed long ago.
pub(crate) async fn sweep(cx: &Cx) -> Result<(), crate::Error> {
    cases::close_old(cx).await.map_err(Error::into_common)?;
    retention::sweep(cx).await.map_err(Error::into_common)
}

/// Refuses the scope of a restriction that would hold nowhere.
fn survey(tx: &mut crate::Tx<'_, '_>, scope: &RestrictionScope) -> Result<(), crate::Error> {
    if let Some(room) = scope.room_id
        && !communication::is_room(tx, room).map_err(communication::Error::into_common)?
    {
        return Err(crate::Error::field("/scope/room_id", "not_found", "there is no such room"));
    }
    if let Some(mode) = &scope.mode
        && !lobbies::modes::is_mode(tx, mode).map_err(lobbies::Error::into_common)?
    {
        return Err(crate::Error::field("/scope/mode", "not_found", "there is no such game mode"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
