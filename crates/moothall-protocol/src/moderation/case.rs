//! Cases: all open reports of one target, on their way to a decision.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, PriorityTerm, Report, ReportOutcome};
use crate::accounts::{FormerName, User};
use crate::audit::REASON;
use crate::matches::MatchSummary;
use crate::restrictions::Restriction;
use crate::{CaseId, Cursor, NoteId, Timestamp, UserId, limits};

/// A case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Case {
    /// Its id.
    pub id: CaseId,
    /// Its number, to talk of it.
    pub number: i64,
    /// Whom it is about.
    pub target_id: UserId,
    /// How urgent it is, from 5 to 100.
    #[schemars(range(min = 5, max = 100))]
    pub priority: u32,
    /// Why it is as urgent as that.
    pub terms: Vec<PriorityTerm>,
    /// How many reports it has.
    pub reports: u32,
    /// What they are about, the most frequent first.
    pub categories: Vec<String>,
    /// When the first of them came.
    pub opened_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Who works on it.
    pub claimed_by: Option<UserId>,
    /// Until when nobody else may.
    pub claimed_until: Option<Timestamp>,
    /// It is put off until then.
    pub snoozed_until: Option<Timestamp>,
    /// Who waits for a second opinion on it; of several, who asked last.
    pub second_opinion_by: Option<UserId>,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// Who closed it.
    pub closed_by: Option<UserId>,
    /// What came of it.
    pub outcome: Option<ReportOutcome>,
    /// Counts its changes, from 1.
    pub version: i64,
}

/// Lists cases, the most urgent first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListCases {
    /// Closed ones instead of open ones.
    #[serde(default)]
    pub is_closed: Option<bool>,
    /// Only those that have reports of this category.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::MODERATION_NAME_LENGTH_MAX))]
    pub category: Option<String>,
    /// Only those about this user.
    #[serde(default)]
    pub target_id: Option<UserId>,
    /// Only those claimed by this user.
    #[serde(default)]
    pub claimed_by: Option<UserId>,
    /// Only those that nobody works on and that are not put off.
    #[serde(default)]
    pub is_free: Option<bool>,
    /// Only those for which somebody wants a second opinion.
    #[serde(default)]
    pub wants_second_opinion: Option<bool>,
    /// Where to go on.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// How many at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<usize>,
}

/// Claims the most urgent case that nobody works on, that is not put off, and that is not about the caller.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TakeNextCase {}

/// The case that was taken, if there was one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NextCase {
    /// The case.
    pub case: Option<Case>,
}

/// Claims a case: for a while nobody else works on it. Claiming again prolongs that.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimCase {
    /// Which.
    pub case_id: CaseId,
}

/// Lets go of a case.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseCase {
    /// Which.
    pub case_id: CaseId,
}

/// Puts a case off.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SnoozeCase {
    /// Which.
    pub case_id: CaseId,
    /// Until when.
    pub until: Timestamp,
    /// Why; kept as a note.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// Asks for a second opinion: the case is let go of, and next given to somebody else. They decide it, or write an `opinion` in it; whoever
/// asked decides nothing about its target before.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskSecondOpinion {
    /// Which.
    pub case_id: CaseId,
    /// What is unclear; kept as a note.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// Closes a case without doing anything about it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DismissCase {
    /// Which.
    pub case_id: CaseId,
    /// `disagreed` if there is nothing wrong, `unclear` if it cannot be told.
    pub outcome: ReportOutcome,
    /// Why; kept as a note and in the audit log.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

/// Looks at a case and all that is known of its target. The look is audited.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadCase {
    /// Which.
    pub case_id: CaseId,
    /// Why what was said in private has to be read. Without it that is left out of the evidence.
    #[serde(default)]
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: Option<String>,
}

/// Looks at all that moderation knows of a user. The look is audited.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadFile {
    /// Whom.
    pub user_id: UserId,
    /// Why what was said in private has to be read. Without it that is left out of the evidence.
    #[serde(default)]
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: Option<String>,
}

/// What kind of note it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoteKind {
    /// Anything.
    #[default]
    General,
    /// Something to be careful about.
    Caution,
    /// What was decided on a case, and why.
    Decision,
    /// Who this may be.
    Alternate,
    /// What another moderator thinks of a case, for whoever asked for a second opinion.
    Opinion,
    /// What a moderator is not sure about: written by `moderation.ask_second_opinion`.
    Question,
}

/// A note on a user, for moderators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Note {
    /// Its id.
    pub id: NoteId,
    /// On whom.
    pub user_id: UserId,
    /// In which case.
    pub case_id: Option<CaseId>,
    /// What kind it is.
    pub kind: NoteKind,
    /// What it says.
    pub text: String,
    /// Whether it stands before the others.
    pub is_pinned: bool,
    /// Who wrote it; absent for the server itself.
    pub author_id: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
}

/// Writes a note on a user.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddNote {
    /// On whom.
    pub user_id: UserId,
    /// In which case.
    #[serde(default)]
    pub case_id: Option<CaseId>,
    /// What kind it is.
    #[serde(default)]
    pub kind: NoteKind,
    /// What it says.
    #[schemars(length(max = limits::NOTE_LENGTH_MAX), regex(pattern = REASON))]
    pub text: String,
    /// Whether it stands before the others.
    #[serde(default)]
    pub is_pinned: Option<bool>,
}

/// Lists the notes on a user, the newest first. The look is audited.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListNotes {
    /// On whom.
    pub user_id: UserId,
    /// Where to go on.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// How many at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<usize>,
}

/// Pins a note before the others, or no longer.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PinNote {
    /// Which.
    pub note_id: NoteId,
    /// Whether it stands before the others.
    pub is_pinned: bool,
}

/// How good somebody's reports of a category were.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Credibility {
    /// Of which category.
    pub category: String,
    /// How many were agreed with.
    pub agreed: u32,
    /// Of how many that were decided.
    pub decided: u32,
    /// How often they are right, in percent: smoothed, so that 50 says nothing.
    pub accuracy: f64,
}

/// All that moderation knows of a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UserFile {
    /// The user; with their record, for those who may read that.
    pub user: User,
    /// Marks that moderators gave them.
    pub marks: Vec<String>,
    /// What they may not do, and might not, the newest first.
    pub restrictions: Vec<Restriction>,
    /// What was done about them, the newest first; all of it by `moderation.list_actions`.
    pub actions: Vec<Action>,
    /// Reports about them, the newest first; all of them by `moderation.list_reports`.
    pub reports_about: Vec<Report>,
    /// Reports by them, but for those about whoever looks, the newest first; all of them by `moderation.list_reports`.
    pub reports_by: Vec<Report>,
    /// How good their reports were.
    pub credibility: Vec<Credibility>,
    /// Notes on them: those that are pinned, then the newest first; all of them by `moderation.list_notes`.
    pub notes: Vec<Note>,
    /// Names they had.
    pub names: Vec<FormerName>,
    /// What they played lately.
    pub matches: Vec<MatchSummary>,
    /// Accounts that a moderator found to be of the same person.
    pub alternates: Vec<UserId>,
}

/// A case and all that is known of its target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseFile {
    /// The case.
    pub case: Case,
    /// Its reports, the newest first; all of them by `moderation.list_reports`.
    pub reports: Vec<Report>,
    /// Of its target.
    pub file: UserFile,
}
