//! What moderation tells users and staff: kinds of notices, which stand in the inbox, and what staff hears at once.

use moothall_protocol::moderation::{
    Action, ActionKind, AppealOutcome, ModerationDeed, ModerationHappened, ReportOutcome,
};
use moothall_protocol::{ActionId, AppealId, CaseId, Event, ReportId, UserId};
use schemars::JsonSchema;
use serde::Serialize;

use crate::cx::Tx;
use crate::error::Error;
use crate::notifications::{self, Kind, KindEntry, Notice};
use crate::topics::Audience;
use crate::{Topic, accounts};

/// The kinds of notices of this context.
pub(crate) fn notice_kinds() -> Vec<KindEntry> {
    vec![
        KindEntry::of::<Acted>(),
        KindEntry::of::<Reverted>(),
        KindEntry::of::<NameGone>(),
        KindEntry::of::<ReportClosed>(),
        KindEntry::of::<AppealAnswered>(),
        KindEntry::of::<AppealDecided>(),
        KindEntry::of::<ActionAppealed>(),
    ]
}

/// Tells a user, once this is committed.
pub(super) fn tell<T: Kind>(tx: &mut Tx<'_, '_>, user: UserId, kind: T) -> Result<(), Error> {
    notifications::tell(tx, user, &Notice::new(kind)).map(drop)
}

/// The same, in place of what the user was told before by this kind about the same thing.
pub(super) fn tell_newest<T: Kind>(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    kind: T,
    about: impl ToString,
) -> Result<(), Error> {
    notifications::tell(tx, user, &Notice::new(kind).collapse(about.to_string())).map(drop)
}

/// A moderator did something about the user.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Acted {
    action_id: ActionId,
    number: i64,
    kind: ActionKind,
    category: String,
    public_reason: String,
}

impl Acted {
    pub fn new(action: &Action) -> Self {
        Self {
            action_id: action.id,
            number: action.number,
            kind: action.kind,
            category: action.category.clone(),
            public_reason: action.public_reason.clone(),
        }
    }
}

impl Kind for Acted {
    const NAME: &'static str = "moderation.acted";
    const IS_MANDATORY: bool = true;

    fn text(&self) -> String {
        let what = match self.kind {
            ActionKind::Warn => "A moderator has a word for you",
            ActionKind::Restrict => "There is something you may not do for now",
            ActionKind::Rename => "A moderator gave you another name",
            ActionKind::RemoveContent => "A moderator removed a message of yours",
            ActionKind::Mark => "A moderator took note of something",
        };
        format!("{what}: {}", self.public_reason)
    }
}

/// What a moderator did about the user was taken back.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Reverted {
    pub action_id: ActionId,
    pub number: i64,
}

impl Kind for Reverted {
    const NAME: &'static str = "moderation.reverted";
    const IS_MANDATORY: bool = true;

    fn text(&self) -> String {
        "What a moderator did about you was taken back.".to_owned()
    }
}

/// The user should have their former name back, and it is somebody else's.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct NameGone {
    pub action_id: ActionId,
    pub number: i64,
}

impl Kind for NameGone {
    const NAME: &'static str = "moderation.name_gone";
    const IS_MANDATORY: bool = true;

    fn text(&self) -> String {
        "Your former name cannot be given back: you may choose another now.".to_owned()
    }
}

/// A report of the user is decided.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ReportClosed {
    pub report_id: ReportId,
    pub number: i64,
    pub outcome: ReportOutcome,
    /// Whether something was done about it that was taken back since.
    pub is_taken_back: bool,
}

impl Kind for ReportClosed {
    const NAME: &'static str = "moderation.report_closed";

    fn text(&self) -> String {
        let number = self.number;
        match self.outcome {
            _ if self.is_taken_back => {
                format!(
                    "We looked again at what you told us in report {number}, and took back what was done."
                )
            }
            ReportOutcome::Agreed => {
                format!("Thank you for report {number}: we agreed, and did something about it.")
            }
            ReportOutcome::Disagreed => {
                format!(
                    "Thank you for report {number}: we looked at it, and saw nothing that breaks the rules."
                )
            }
            ReportOutcome::Unclear => {
                format!("Thank you for report {number}: it could not be told what happened.")
            }
        }
    }
}

/// A moderator wrote in an appeal of the user.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct AppealAnswered {
    pub appeal_id: AppealId,
    pub action_id: ActionId,
}

impl Kind for AppealAnswered {
    const NAME: &'static str = "moderation.appeal_answered";
    const IS_MANDATORY: bool = true;

    fn text(&self) -> String {
        "A moderator wrote in your appeal.".to_owned()
    }
}

/// An appeal of the user is decided.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct AppealDecided {
    pub appeal_id: AppealId,
    pub action_id: ActionId,
    pub number: i64,
    pub outcome: AppealOutcome,
    pub decision: String,
}

impl Kind for AppealDecided {
    const NAME: &'static str = "moderation.appeal_decided";
    const IS_MANDATORY: bool = true;

    fn text(&self) -> String {
        let how = match self.outcome {
            AppealOutcome::Uphold => "and the decision stays",
            AppealOutcome::Reduce => "and the restriction ends sooner",
            AppealOutcome::Overturn => "and the decision was taken back",
        };
        format!("Your appeal was looked at, {how}: {}", self.decision)
    }
}

/// Another moderator decided an appeal against an action of the user, who is a moderator.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ActionAppealed {
    pub appeal_id: AppealId,
    pub action_id: ActionId,
    pub number: i64,
    pub outcome: AppealOutcome,
    pub decision: String,
}

impl Kind for ActionAppealed {
    const NAME: &'static str = "moderation.action_appealed";

    fn text(&self) -> String {
        let how = match self.outcome {
            AppealOutcome::Uphold => "upheld",
            AppealOutcome::Reduce => "reduced",
            AppealOutcome::Overturn => "overturned",
        };
        format!("Your action {} was {how} on appeal: {}", self.number, self.decision)
    }
}

/// What staff hears: by which id what happened is read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ids {
    pub case: Option<CaseId>,
    pub action: Option<ActionId>,
    pub appeal: Option<AppealId>,
}

/// Tells staff, once this is committed; but for whom it is about, who may be a moderator, too, or have bots that are.
pub(super) fn happened(
    tx: &mut Tx<'_, '_>,
    what: ModerationDeed,
    target_id: UserId,
    ids: Ids,
) -> Result<(), Error> {
    let about = accounts::of_same_person(tx, target_id)?;
    let event = ModerationHappened {
        what,
        at: tx.now(),
        // Who reported is read in the case, by those who may.
        actor_id: tx.cx().user().filter(|_| what != ModerationDeed::Reported),
        target_id,
        case_id: ids.case,
        action_id: ids.action,
        appeal_id: ids.appeal,
    };
    let hall = tx.cx().hall().clone();
    tx.after_commit(move || {
        let others = Audience::ExceptThese(about.into());
        hall.topics().publish_to(Topic::Moderation, Event::ModerationHappened(event), others);
    });
    Ok(())
}
