//! Reports of something that should not be.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::audit::REASON;
use crate::{CaseId, Cursor, LobbyId, MatchId, MessageId, ReportId, RoomId, Timestamp, UserId, limits};

/// What a report may be about: see `moderation.categories`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportCategory {
    /// Names it.
    #[schemars(length(min = 1, max = limits::MODERATION_NAME_LENGTH_MAX))]
    pub name: String,
    /// What it is for, in a sentence for players.
    #[schemars(length(max = limits::REASON_LENGTH_MAX))]
    pub about: String,
}

/// All categories.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportCategories {
    /// The categories.
    pub items: Vec<ReportCategory>,
}

/// Lists the categories of reports.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListReportCategories {}

/// What is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportSubject {
    /// How a user behaves: `user_id`.
    User,
    /// A message: `room_id` and `message_id`. It is about its sender.
    Message,
    /// What a lobby is called or set to: `lobby_id`. It is about its host.
    Lobby,
    /// The name of a user: `user_id`.
    Name,
    /// What a user says of themselves: `user_id`.
    Profile,
}

/// Reports something. What there is to see is kept as it is now: the message and those around it, the lobby and the matches of both, and
/// their names.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileReport {
    /// What is reported.
    pub subject: ReportSubject,
    /// Which user.
    #[serde(default)]
    pub user_id: Option<UserId>,
    /// In which room.
    #[serde(default)]
    pub room_id: Option<RoomId>,
    /// Which message.
    #[serde(default)]
    pub message_id: Option<MessageId>,
    /// Which lobby.
    #[serde(default)]
    pub lobby_id: Option<LobbyId>,
    /// In which match it happened.
    #[serde(default)]
    pub match_id: Option<MatchId>,
    /// What it is, by the names of `moderation.categories`.
    #[schemars(length(min = 1, max = limits::MODERATION_NAME_LENGTH_MAX))]
    pub category: String,
    /// More of it, in the reporter's words.
    #[serde(default)]
    #[schemars(length(max = limits::REPORT_TEXT_LENGTH_MAX))]
    pub text: String,
    /// Whether a program reports what it saw. Needs the permission for that.
    #[serde(default)]
    pub is_automatic: Option<bool>,
}

/// What came of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportOutcome {
    /// A moderator agreed, and did something about it.
    Agreed,
    /// A moderator saw nothing wrong.
    Disagreed,
    /// It could not be told, or nobody looked at it in time.
    Unclear,
}

/// A report, as its reporter sees it: their receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OwnReport {
    /// Its id.
    pub id: ReportId,
    /// Its number, to talk of it.
    pub number: i64,
    /// What was reported.
    pub subject: ReportSubject,
    /// Whom it is about.
    pub target_id: UserId,
    /// What it is.
    pub category: String,
    /// What the reporter wrote.
    pub text: String,
    /// When.
    pub created_at: Timestamp,
    /// When it was decided.
    pub closed_at: Option<Timestamp>,
    /// What came of it.
    pub outcome: Option<ReportOutcome>,
}

/// Lists the caller's reports, the newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListMyReports {
    /// Where to go on.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// How many at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<usize>,
}

/// Lists reports, the newest first: those of a case, those about a user, or those by one. The look is audited. What concerns whoever looks
/// is not shown to them.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListReports {
    /// Those of this case.
    #[serde(default)]
    pub case_id: Option<CaseId>,
    /// Those about this user.
    #[serde(default)]
    pub target_id: Option<UserId>,
    /// Those by this user.
    #[serde(default)]
    pub reporter_id: Option<UserId>,
    /// Why what was said in private has to be read. Without it that is left out of the evidence.
    #[serde(default)]
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: Option<String>,
    /// Where to go on.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// How many at most.
    #[serde(default)]
    #[schemars(range(min = 1, max = limits::PAGE_ITEMS_MAX))]
    pub limit: Option<usize>,
}

/// A report, as staff sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Its id.
    pub id: ReportId,
    /// Its number.
    pub number: i64,
    /// Who reported; absent for the server itself.
    pub reporter_id: Option<UserId>,
    /// Whom it is about.
    pub target_id: UserId,
    /// What was reported.
    pub subject: ReportSubject,
    /// What it is.
    pub category: String,
    /// What the reporter wrote.
    pub text: String,
    /// Whether a program reported it.
    pub is_automatic: bool,
    /// What there was to see at that time.
    pub evidence: Map<String, Value>,
    /// The case it belongs to.
    pub case_id: CaseId,
    /// How much it counts, and why.
    pub score: Vec<PriorityTerm>,
    /// When.
    pub created_at: Timestamp,
    /// When it was decided.
    pub closed_at: Option<Timestamp>,
    /// What came of it.
    pub outcome: Option<ReportOutcome>,
    /// Whether its reporter is told `unclear`, because nobody is to learn of what was done.
    pub is_quiet: bool,
}

/// One term of a priority: all of them together, kept within 5 and 100, are what it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PriorityTerm {
    /// What it is for.
    pub name: String,
    /// How much.
    pub points: f64,
}
