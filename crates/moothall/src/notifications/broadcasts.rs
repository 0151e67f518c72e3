//! Broadcasts: something that staff tells many.
//!
//! The words are stored once; a job puts a small row into each inbox, a batch of users at a time ([`Spread`]). That is simpler than having
//! every inbox look for broadcasts that may concern it: a notice is seen, put away, counted and cleared like every other, and who it
//! is for is decided once. The database keeps the promise that nobody has it twice.

mod store;

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use moothall_protocol::accounts::Segment;
use moothall_protocol::jobs::{JobProgress, JobStatus};
use moothall_protocol::limits::{
    BROADCAST_BYTES_MAX, BROADCAST_DAYS_MAX, BROADCAST_LANGUAGES_MAX, BROADCAST_TEXT_LENGTH_MAX,
    PAGE_ITEMS_DEFAULT,
};
use moothall_protocol::notifications::{
    Broadcast, BroadcastStatus, CancelBroadcast, CreateBroadcast, GetBroadcast, ListBroadcasts, Notice,
    NoticesMarked,
};
use moothall_protocol::{BroadcastId, Cursor, Event, JobId, NoticeId, Page, Timestamp, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{BROADCAST, Kind, Preferences};
use crate::cx::{Cx, Tx};
use crate::error::Error;
use crate::jobs::{self, NewJob, Step};
use crate::settings::{self, Locale};
use crate::{Topic, accounts, audit, json, sweep};

pub(super) use store::STATEMENTS;

/// Users looked at in one step.
const BATCH: usize = 500;
const DAY: Duration = Duration::from_secs(24 * 3600);
/// For how long a broadcast stays that says nothing else.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// Staff tells many something. What the params are is up to staff and the game's client.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Announcement(Map<String, Value>);

impl Kind for Announcement {
    const NAME: &'static str = "notifications.announcement";

    fn text(&self) -> String {
        String::new()
    }
}

/// What is stored of a broadcast.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub id: BroadcastId,
    pub text: String,
    pub texts: BTreeMap<String, String>,
    pub params: Map<String, Value>,
    pub segment: Segment,
    pub run_at: Timestamp,
    pub expires_at: Timestamp,
    pub job_id: JobId,
    pub cancelled_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub created_by: Option<UserId>,
}

/// The words for who speaks this language: those of the tag, else of its language, else those for everybody.
pub(super) fn words<'a>(
    text: &'a str,
    texts: &'a BTreeMap<String, String>,
    language: Option<&str>,
) -> &'a str {
    let find =
        |tag: &str| texts.iter().find(|(known, _)| known.eq_ignore_ascii_case(tag)).map(|(_, text)| text);
    let primary = |tag: &'_ str| tag.split('-').next().unwrap_or_default().to_owned();
    language.and_then(|tag| find(tag).or_else(|| find(&primary(tag)))).map_or(text, String::as_str)
}

/// Tells many something, at once or later.
pub async fn create_broadcast(cx: &Cx, input: CreateBroadcast) -> Result<Broadcast, Error> {
    cx.require(BROADCAST)?;
    let now = cx.now();
    let run_at = input.run_at.unwrap_or(now).max(now);
    let expires_at = input.expires_at.unwrap_or(run_at + KEPT);
    check(&input, run_at, expires_at)?;
    cx.mutate(move |tx| {
        let segment = input.segment.clone().unwrap_or_default();
        accounts::check_segment(tx, &segment, "/segment")?;
        let id: BroadcastId = tx.cx().new_id();
        let job = NewJob::new(Spread::new(id)).key(id.to_string()).run_at(run_at);
        let job_id = jobs::enqueue(tx, &job)?.ok_or_else(|| Error::internal("an id came twice"))?;
        let stored = Stored {
            id,
            text: input.text.clone(),
            texts: input.texts.clone().unwrap_or_default(),
            params: input.params.clone().unwrap_or_default(),
            segment,
            run_at,
            expires_at,
            job_id,
            cancelled_at: None,
            created_at: tx.now(),
            created_by: tx.cx().user(),
        };
        store::insert(tx, &stored)?;
        let made = shown(tx, stored)?;
        let entry =
            audit::Entry::new("notifications.create_broadcast").target(target(id)).reason(&input.reason);
        audit::record(tx, entry.change(&(), &made))?;
        Ok(made)
    })
    .await
}

/// What no schema of an input can say.
fn check(input: &CreateBroadcast, run_at: Timestamp, expires_at: Timestamp) -> Result<(), Error> {
    let texts = input.texts.clone().unwrap_or_default();
    if texts.len() > BROADCAST_LANGUAGES_MAX {
        let message = format!("at most {BROADCAST_LANGUAGES_MAX} languages");
        return Err(Error::most("/texts", "too_many", message, BROADCAST_LANGUAGES_MAX));
    }
    for (tag, text) in &texts {
        let is_part =
            |part: &str| (1..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric());
        if !tag.split('-').all(is_part) {
            let message = "each text stands under the tag of its language, such as de or pt-BR";
            return Err(Error::field("/texts", "invalid", message));
        }
        if text.is_empty() || text.chars().count() > BROADCAST_TEXT_LENGTH_MAX {
            let message = format!("{tag}: at most {BROADCAST_TEXT_LENGTH_MAX} characters, and not none");
            return Err(Error::most("/texts", "too_long", message, BROADCAST_TEXT_LENGTH_MAX));
        }
    }
    let params = input.params.clone().unwrap_or_default();
    json::check(&params, "/params", json::NESTING, BROADCAST_BYTES_MAX)?;
    let latest = run_at + DAY * BROADCAST_DAYS_MAX as u32;
    if expires_at <= run_at || expires_at > latest {
        let message = format!("it stays for some time, and at most {BROADCAST_DAYS_MAX} days");
        return Err(Error::field("/expires_at", "invalid", message));
    }
    Ok(())
}

fn target(id: BroadcastId) -> String {
    format!("broadcast:{id}")
}

fn shown(tx: &mut Tx<'_, '_>, stored: Stored) -> Result<Broadcast, Error> {
    let job = jobs::find(tx, stored.job_id)?;
    let is_begun = job
        .as_ref()
        .is_some_and(|job| stored.run_at <= tx.now() || job.progress.is_some_and(|it| it.done > 0));
    let status = match job.as_ref().map(|job| job.status) {
        _ if stored.cancelled_at.is_some() => BroadcastStatus::Cancelled,
        Some(JobStatus::Waiting) if is_begun => BroadcastStatus::Running,
        Some(JobStatus::Waiting) => BroadcastStatus::Scheduled,
        Some(JobStatus::Dead | JobStatus::Cancelled) => BroadcastStatus::Failed,
        // A job that is done is forgotten some day.
        Some(JobStatus::Done) | None => BroadcastStatus::Done,
    };
    let Stored { id, text, texts, params, segment, run_at, expires_at, created_at, created_by, .. } = stored;
    let progress = job.and_then(|job| job.progress);
    let reach = None;
    Ok(Broadcast {
        id,
        text,
        texts,
        params,
        segment,
        run_at,
        expires_at,
        status,
        progress,
        reach,
        created_at,
        created_by,
    })
}

/// What staff told many, newest first.
pub async fn list_broadcasts(cx: &Cx, input: ListBroadcasts) -> Result<Page<Broadcast>, Error> {
    cx.require(BROADCAST)?;
    let limit = input.limit.map_or(PAGE_ITEMS_DEFAULT, |limit| limit as usize);
    let before = match &input.cursor {
        Some(cursor) => cursor.key().ok_or_else(Error::wrong_cursor)?,
        None => store::NEWEST,
    };
    let rows = cx
        .read(move |tx| {
            let stored = store::list(tx, before, limit + 1)?;
            stored.into_iter().map(|stored| shown(tx, stored)).collect::<Result<Vec<_>, Error>>()
        })
        .await?;
    Ok(Page::cut(rows, limit, |last| Cursor::of(&(last.created_at.as_micros(), last.id))))
}

/// A broadcast, and how far it reached.
pub async fn get_broadcast(cx: &Cx, input: GetBroadcast) -> Result<Broadcast, Error> {
    cx.require(BROADCAST)?;
    cx.read(move |tx| {
        let stored = store::find(tx, input.broadcast_id)?.ok_or(Error::NotFound)?;
        let reach = Some(store::reach(tx, stored.id)?);
        Ok(Broadcast { reach, ..shown(tx, stored)? })
    })
    .await
}

/// Calls a broadcast off. It is in no inbox from then on; whoever has one open hears of it as the [`Recall`] goes on.
pub async fn cancel_broadcast(cx: &Cx, input: CancelBroadcast) -> Result<Broadcast, Error> {
    cx.require(BROADCAST)?;
    cx.mutate(move |tx| {
        let before = store::find(tx, input.broadcast_id)?.ok_or(Error::NotFound)?;
        if before.cancelled_at.is_some() {
            return shown(tx, before);
        }
        let after = Stored { cancelled_at: Some(tx.now()), ..before.clone() };
        store::cancel(tx, before.id)?;
        jobs::call_off(tx, before.job_id)?;
        jobs::enqueue(tx, &NewJob::new(Recall { broadcast_id: before.id, taken: 0 }))?;
        let (before, after) = (shown(tx, before)?, shown(tx, after)?);
        let entry = audit::Entry::new("notifications.cancel_broadcast").target(target(after.id));
        audit::record(tx, entry.reason(&input.reason).change(&before.status, &after.status))?;
        Ok(after)
    })
    .await
}

/// The job that puts a broadcast into the inboxes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Spread {
    broadcast_id: BroadcastId,
    /// The last user who was looked at.
    after: UserId,
    looked: u64,
    total: Option<u64>,
}

impl Spread {
    fn new(broadcast_id: BroadcastId) -> Self {
        let after = UserId::from_uuid(Uuid::nil());
        Self { broadcast_id, after, looked: 0, total: None }
    }
}

impl jobs::Kind for Spread {
    const NAME: &'static str = "notifications.broadcast";

    async fn prepare(&mut self, cx: &Cx) -> Result<(), Error> {
        if self.total.is_none() {
            self.total = Some(cx.read(accounts::count_all).await?);
        }
        Ok(())
    }

    fn step(&mut self, tx: &mut Tx<'_, '_>) -> Result<Step, Error> {
        let Some(broadcast) = store::find(tx, self.broadcast_id)? else { return Ok(Step::Done) };
        if broadcast.cancelled_at.is_some() || broadcast.expires_at <= tx.now() {
            return Ok(Step::Done);
        }
        let looked = accounts::audience(tx, &broadcast.segment, self.after, BATCH)?;
        let Some((last, _)) = looked.last() else { return Ok(Step::Done) };
        self.after = *last;
        self.looked += looked.len() as u64;
        let among: Vec<UserId> =
            looked.iter().filter(|(_, is_among)| *is_among).map(|(user, _)| *user).collect();
        let written = put(tx, &broadcast, &among)?;
        store::reached(tx, broadcast.id, written)?;
        Ok(Step::Again)
    }

    fn progress(&self) -> Option<JobProgress> {
        Some(JobProgress { done: self.looked, total: self.total })
    }
}

/// The job that takes a broadcast which was called off out of the inboxes. It is not shown there any more, but sessions that have
/// their inbox open still show it until they hear of this.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Recall {
    broadcast_id: BroadcastId,
    taken: u64,
}

impl jobs::Kind for Recall {
    const NAME: &'static str = "notifications.recall";

    fn step(&mut self, tx: &mut Tx<'_, '_>) -> Result<Step, Error> {
        if self.taken == 0 {
            store::remember_reach(tx, self.broadcast_id)?;
        }
        let taken = store::take_out(tx, self.broadcast_id, BATCH)?;
        if taken.is_empty() {
            store::settle(tx, self.broadcast_id)?;
            return Ok(Step::Done);
        }
        self.taken += taken.len() as u64;
        let shown: Vec<(UserId, NoticeId)> = taken
            .into_iter()
            .filter(|taken| !taken.is_dismissed)
            .map(|taken| (taken.user, taken.id))
            .collect();
        let users: Vec<UserId> = shown.iter().map(|(user, _)| *user).collect();
        let unseen = super::store::unseen_of_many(tx, &users)?;
        for (user, id) in shown {
            let unseen = unseen.get(&user).copied().unwrap_or_default();
            let marked = NoticesMarked { ids: Some(vec![id]), unseen };
            tx.emit(Topic::User(user), Event::NoticesDismissed(marked));
        }
        Ok(Step::Again)
    }

    fn progress(&self) -> Option<JobProgress> {
        Some(JobProgress { done: self.taken, total: None })
    }
}

/// Puts a broadcast into the inboxes of those among these who speak its languages and want to hear. Says of how many.
fn put(tx: &mut Tx<'_, '_>, broadcast: &Stored, users: &[UserId]) -> Result<u64, Error> {
    let preferences = settings::of_many::<Preferences>(tx, users)?;
    let locales = settings::of_many::<Locale>(tx, users)?;
    let language = |user: &UserId| locales.get(user).and_then(|locale| locale.language.as_deref());
    let muted: HashSet<UserId> = preferences
        .iter()
        .filter(|(_, preferences)| preferences.muted.contains(Announcement::NAME))
        .map(|(user, _)| *user)
        .collect();
    let told: Vec<(UserId, NoticeId)> = users
        .iter()
        .filter(|user| {
            !muted.contains(user)
                && locales.get(user).is_some_and(|locale| locale.speaks(&broadcast.segment.languages))
        })
        .map(|user| (*user, tx.cx().new_id()))
        .collect();
    if told.is_empty() {
        return Ok(0);
    }
    super::store::spread(tx, broadcast.id, Announcement::NAME, broadcast.expires_at, &told)?;
    let receivers: Vec<UserId> = told.iter().map(|(user, _)| *user).collect();
    let kept_max = tx.cx().hall().settings().notifications.kept_max;
    super::store::trim(tx, &receivers, kept_max)?;
    for (user, id) in &told {
        let notice = Notice {
            id: *id,
            kind: Announcement::NAME.to_owned(),
            params: Value::Object(broadcast.params.clone()),
            text: words(&broadcast.text, &broadcast.texts, language(user)).to_owned(),
            collapse_key: None,
            count: 1,
            created_at: tx.now(),
            expires_at: Some(broadcast.expires_at),
            is_seen: false,
        };
        tx.emit(Topic::User(*user), Event::NoticeTold(Box::new(notice)));
    }
    metrics::counter!("notifications_told_total").increment(told.len() as u64);
    Ok(told.len() as u64)
}

/// Takes broadcasts out of inboxes once they have expired; how far each reached is remembered.
pub(super) async fn sweep(cx: &Cx) -> Result<(), Error> {
    while let Some(over) = cx.read(store::over).await? {
        cx.write(move |tx| store::remember_reach(tx, over)).await?;
        sweep::all(cx, move |tx| Ok::<_, Error>(store::take_out(tx, over, sweep::ROWS)?.len() as u64))
            .await?;
        cx.write(move |tx| store::settle(tx, over)).await?;
    }
    Ok(())
}
