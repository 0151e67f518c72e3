//! What moderation tells users and staff: the one place from which it does.

use moothall_protocol::moderation::{ModerationDeed, ModerationHappened, ModerationNotice};
use moothall_protocol::{ActionId, AppealId, CaseId, Event, ReportId, UserId};
use serde_json::{Map, Value};

use crate::Topic;
use crate::cx::Tx;

/// Something to tell a user: a key and parameters for programs, and a text for people.
pub(super) fn notice(key: &str, text: impl Into<String>, params: &[(&str, Value)]) -> ModerationNotice {
    let params: Map<String, Value> =
        params.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    ModerationNotice {
        key: key.to_owned(),
        params,
        text: text.into(),
        action_id: None,
        report_id: None,
        appeal_id: None,
    }
}

/// The same, about one of these.
pub(super) fn about(
    notice: ModerationNotice,
    action_id: Option<ActionId>,
    report_id: Option<ReportId>,
    appeal_id: Option<AppealId>,
) -> ModerationNotice {
    ModerationNotice { action_id, report_id, appeal_id, ..notice }
}

/// Tells a user, once this is committed.
pub(super) fn tell(tx: &mut Tx<'_, '_>, user: UserId, notice: ModerationNotice) {
    tx.emit(Topic::User(user), Event::ModerationTold(Box::new(notice)));
}

/// What staff hears: what happened, to whom, and by which id it is read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ids {
    pub case: Option<CaseId>,
    pub action: Option<ActionId>,
    pub appeal: Option<AppealId>,
}

/// Tells staff, once this is committed.
pub(super) fn happened(tx: &mut Tx<'_, '_>, what: ModerationDeed, target_id: UserId, ids: Ids) {
    let event = ModerationHappened {
        what,
        at: tx.now(),
        actor_id: tx.cx().user(),
        target_id,
        case_id: ids.case,
        action_id: ids.action,
        appeal_id: ids.appeal,
    };
    tx.emit(Topic::Moderation, Event::ModerationHappened(event));
}
