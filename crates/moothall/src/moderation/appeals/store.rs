//! SQL for appeals and what is said in them.

use moothall_protocol::moderation::{Action, Appeal, AppealMessage, AppealOutcome, OwnAction};
use moothall_protocol::{ActionId, AppealId, Timestamp, UserId};
use moothall_store::{OnConstraint as _, Row, params, statements};

use crate::cx::Tx;
use crate::json::{choice, word};
use crate::moderation::Error;

/// The columns of an appeal, in the order [`found`] reads them.
macro_rules! columns {
    () => {
        "id, user_id, action_id, actor_id, created_at, decided_at, decided_by, outcome, decision"
    };
}

statements! {
    INSERT = concat!("INSERT INTO appeals (", columns!(), ") VALUES ($1, $2, $3, $4, $5, NULL, NULL, NULL, NULL)");
    FIND = concat!("SELECT ", columns!(), " FROM appeals WHERE id = $1");
    OPEN = concat!("SELECT ", columns!(), " FROM appeals WHERE action_id = $1 AND decided_at IS NULL");
    COUNT = "SELECT count(*), count(*) - count(decided_at) FROM appeals WHERE action_id = $1";
    OF_USER = concat!("SELECT ", columns!(), " FROM appeals WHERE user_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
    LIST_OPEN = concat!("SELECT ", columns!(), " FROM appeals
        WHERE decided_at IS NULL AND id > $1 AND ((actor_id <> $2 AND user_id <> $2) OR actor_id IS NULL OR $2 IS NULL)
        ORDER BY id LIMIT $3");
    LIST_DECIDED = concat!("SELECT ", columns!(), " FROM appeals
        WHERE decided_at IS NOT NULL AND id < $1 AND ((actor_id <> $2 AND user_id <> $2) OR actor_id IS NULL OR $2 IS NULL)
        ORDER BY id DESC LIMIT $3");
    DECIDE = "UPDATE appeals SET decided_at = $2, decided_by = $3, outcome = $4, decision = $5 WHERE id = $1";
    INSERT_MESSAGE = "INSERT INTO appeal_messages (appeal_id, position, author_id, is_staff, text, at)
        VALUES ($1, $2, $3, $4, $5, $6)";
    COUNT_MESSAGES = "SELECT count(*), count(CASE WHEN is_staff = $2 THEN 1 END) FROM appeal_messages WHERE appeal_id = $1";
    MESSAGES = "SELECT is_staff, author_id, text, at FROM appeal_messages WHERE appeal_id = $1 ORDER BY position LIMIT $2";
}

/// An appeal, without the action it is against and what was said.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub id: AppealId,
    pub user: UserId,
    pub action: ActionId,
    actor: Option<UserId>,
    created_at: Timestamp,
    decided_at: Option<Timestamp>,
    decided_by: Option<UserId>,
    outcome: Option<AppealOutcome>,
    decision: Option<String>,
}

impl Found {
    /// All of it but what was said.
    pub fn appeal(self, action: OwnAction) -> Appeal {
        Appeal {
            id: self.id,
            user_id: self.user,
            action,
            messages: Vec::new(),
            created_at: self.created_at,
            decided_at: self.decided_at,
            outcome: self.outcome,
            decision: self.decision,
            actor_id: self.actor,
            decided_by: self.decided_by,
        }
    }
}

fn found(row: &Row) -> Result<Found, crate::Error> {
    Ok(Found {
        id: row.get(0)?,
        user: row.get(1)?,
        action: row.get(2)?,
        actor: row.get(3)?,
        created_at: row.get(4)?,
        decided_at: row.get(5)?,
        decided_by: row.get(6)?,
        outcome: row.get::<Option<String>>(7)?.map(choice).transpose()?,
        decision: row.get(8)?,
    })
}

pub(super) fn insert(tx: &mut Tx<'_, '_>, id: AppealId, user: UserId, action: &Action) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(INSERT, params![id, user, action.id, action.author_id, now])
        .on_constraint("appeals_open", Error::AppealOpen)?;
    Ok(())
}

pub(super) fn find(tx: &mut Tx<'_, '_>, id: AppealId) -> Result<Option<Found>, crate::Error> {
    tx.query_opt(FIND, params![id])?.as_ref().map(found).transpose()
}

/// The open appeal against an action.
pub(super) fn open(tx: &mut Tx<'_, '_>, action: ActionId) -> Result<Option<Found>, crate::Error> {
    tx.query_opt(OPEN, params![action])?.as_ref().map(found).transpose()
}

/// How many appeals there were against an action, and how many are open.
pub(super) fn count(tx: &mut Tx<'_, '_>, action: ActionId) -> Result<(usize, usize), crate::Error> {
    let row = tx.query_one(COUNT, params![action])?;
    Ok((row.get(0)?, row.get(1)?))
}

pub(super) fn of_user(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    before: AppealId,
    limit: usize,
) -> Result<Vec<Found>, crate::Error> {
    tx.query(OF_USER, params![user, before, limit])?.iter().map(found).collect()
}

/// Open appeals, the oldest first, or decided ones, the newest first; not those that this moderator is a part of.
pub(super) fn list(
    tx: &mut Tx<'_, '_>,
    is_decided: bool,
    from: AppealId,
    not_by: Option<UserId>,
    limit: usize,
) -> Result<Vec<Found>, crate::Error> {
    let statement = if is_decided { LIST_DECIDED } else { LIST_OPEN };
    tx.query(statement, params![from, not_by, limit])?.iter().map(found).collect()
}

pub(super) fn decide(
    tx: &mut Tx<'_, '_>,
    id: AppealId,
    outcome: AppealOutcome,
    decision: &str,
) -> Result<(), crate::Error> {
    let (now, by) = (tx.now(), tx.cx().user());
    tx.execute(DECIDE, params![id, now, by, word(&outcome)?, decision])?;
    Ok(())
}

pub(super) fn insert_message(
    tx: &mut Tx<'_, '_>,
    id: AppealId,
    position: usize,
    is_staff: bool,
    text: &str,
) -> Result<(), Error> {
    let (now, author) = (tx.now(), tx.cx().user());
    tx.execute(INSERT_MESSAGE, params![id, position, author, is_staff, text, now])
        // Somebody else wrote in this moment.
        .on_constraint("appeal_messages_pkey", Error::Common(crate::Error::Unavailable))?;
    Ok(())
}

/// How many messages an appeal has, and how many of them of staff, or of its user.
pub(super) fn count_messages(
    tx: &mut Tx<'_, '_>,
    id: AppealId,
    is_staff: bool,
) -> Result<(usize, usize), crate::Error> {
    let row = tx.query_one(COUNT_MESSAGES, params![id, is_staff])?;
    Ok((row.get(0)?, row.get(1)?))
}

/// What was said, the oldest first.
pub(super) fn messages(
    tx: &mut Tx<'_, '_>,
    id: AppealId,
    limit: usize,
) -> Result<Vec<AppealMessage>, crate::Error> {
    let rows = tx.query(MESSAGES, params![id, limit])?;
    let message = |row: &Row| {
        Ok(AppealMessage {
            is_staff: row.get(0)?,
            author_id: row.get(1)?,
            text: row.get(2)?,
            at: row.get(3)?,
        })
    };
    rows.iter().map(message).collect()
}
