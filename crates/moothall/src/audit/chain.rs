//! The chain: each line's hash covers the line before, so that whoever changes or removes one has to change all that follow.
//!
//! Lines are written by whoever acts, side by side, and chained a moment later by one task, in portions: so nobody who acts waits for
//! another, and still there is one chain. What was written by a program without that task, such as a command beside the server, is
//! chained with the next portion, at the latest when the server starts.
//!
//! The hash is SHA-256 of the hash of the line before (32 zeros for the first) and of the line as JSON: an array of its number, id, time in
//! microseconds since 1970, actor, API key, action, target, reason, before, after, request, address and agent, without blanks, absent ones as
//! `null`, and the names within objects in order. So everybody can check an export.

use std::sync::Arc;
use std::time::Duration;

use moothall_protocol::audit::{AuditHead, AuditLine, ReadAuditHead};
use ring::digest::{Context, SHA256};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{READ, store};
use crate::cx::{Cx, Tx};
use crate::error::Error;
use crate::{Hall, WeakHall};

/// Lines chained in one transaction, and looked at together.
const PORTION: usize = 500;
/// How long lines are gathered before they are chained.
const GATHERED: Duration = Duration::from_secs(1);
/// When it is looked for lines that were written beside the server.
const INTERVAL: Duration = Duration::from_secs(60);
/// Breaks that are told.
const BREAKS_MAX: usize = 20;

/// The hash of a line.
pub(super) type Hash = [u8; 32];

/// What the chain keeps in memory.
#[derive(Debug, Default)]
pub(crate) struct Live {
    written: Arc<Notify>,
}

/// A line was written in this transaction.
pub(super) fn note(tx: &mut Tx<'_, '_>) {
    let hall = tx.cx().hall().clone();
    tx.after_commit(move || hall.audit().written.notify_one());
}

/// Starts the task that chains.
pub(crate) fn start(hall: &Hall) {
    hall.spawn(run(hall.downgrade()));
}

async fn run(hall: WeakHall) {
    loop {
        let Some(strong) = hall.upgrade() else { return };
        if let Err(error) = chain(&Cx::server(&strong)).await {
            tracing::warn!("The audit log could not be chained: {error}");
        }
        let (clock, notify) = (strong.shared_clock(), Arc::clone(&strong.audit().written));
        // The hall is not kept while nothing is to be chained.
        drop(strong);
        let until = clock.elapsed() + INTERVAL;
        let written = async {
            notify.notified().await;
            clock.sleep_until(clock.elapsed() + GATHERED).await;
        };
        tokio::select! {
            () = written => {}
            () = clock.sleep_until(until) => {}
        }
    }
}

/// Chains all lines that are not chained yet.
pub(super) async fn chain(cx: &Cx) -> Result<(), Error> {
    while cx.write(chain_portion).await? == PORTION {}
    Ok(())
}

fn chain_portion(tx: &mut Tx<'_, '_>) -> Result<usize, Error> {
    let lines = store::unchained(tx, PORTION)?;
    if lines.is_empty() {
        return Ok(0);
    }
    let (mut number, mut hash) = store::head(tx)?.unwrap_or_default();
    let count = lines.len();
    for line in lines {
        number += 1;
        hash = link(&hash, number, &line)?;
        store::link(tx, &line, number, &hash)?;
    }
    Ok(count)
}

/// The hash of a line with this number, behind the one with that hash.
fn link(before: &Hash, number: i64, line: &AuditLine) -> Result<Hash, Error> {
    let line = json!([
        number,
        line.id,
        line.at.as_micros(),
        line.actor_id,
        line.api_key_id,
        line.action,
        line.target,
        line.reason,
        line.before.as_ref().map(ordered),
        line.after.as_ref().map(ordered),
        line.request_id,
        line.address,
        line.agent,
    ]);
    let mut context = Context::new(&SHA256);
    context.update(before);
    context.update(&serde_json::to_vec(&line).map_err(Error::internal)?);
    let mut hash = Hash::default();
    hash.copy_from_slice(context.finish().as_ref());
    Ok(hash)
}

/// The same, with the names within objects in order: PostgreSQL keeps them in an order of its own.
fn ordered(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(ordered).collect(),
        Value::Object(fields) => {
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            fields.into_iter().map(|(name, value)| (name.clone(), ordered(value))).collect()
        }
        other => other.clone(),
    }
}

/// The newest line of the chain. Whoever notes it elsewhere can show later that nothing up to there was changed or cut off.
pub async fn head(cx: &Cx, _: ReadAuditHead) -> Result<AuditHead, Error> {
    cx.require(READ)?;
    chain(cx).await?;
    let (number, hash) = cx.read(store::head).await?.unwrap_or_default();
    Ok(AuditHead { number, hash: data_encoding::HEXLOWER.encode(&hash) })
}

/// What came of looking at the whole chain.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    /// Lines of the chain.
    pub lines: i64,
    /// The newest line.
    pub head: AuditHead,
    /// Lines that are not chained yet.
    pub unchained: i64,
    /// Where it breaks, in words, the first twenty places; none if it is whole.
    pub breaks: Vec<String>,
}

/// Looks at every line of the chain, and whether the line of `known` is in it, which somebody noted earlier. For the command line.
pub async fn verify(cx: &Cx, known: Option<AuditHead>) -> Result<Verified, Error> {
    cx.require(READ)?;
    let mut verified = Verified::default();
    let (mut number, mut hash) = (0, Hash::default());
    let mut is_known = known.as_ref().is_none_or(|known| known.number == 0);
    loop {
        let lines = cx.read(move |tx| store::chained(tx, number, PORTION)).await?;
        if lines.is_empty() {
            break;
        }
        for (found, kept, line) in lines {
            if found != number + 1 {
                verified.tell(format!("lines {} to {} are gone", number + 1, found - 1));
            } else if link(&hash, found, &line)? != kept {
                verified.tell(format!("line {found} ({}, {}) is not what it was", line.id, line.action));
            }
            let text = data_encoding::HEXLOWER.encode(&kept);
            if let Some(known) = known.as_ref().filter(|known| known.number == found) {
                is_known = true;
                if !known.hash.eq_ignore_ascii_case(&text) {
                    verified.tell(format!("line {found} does not have the hash that was noted"));
                }
            }
            (number, hash) = (found, kept);
            verified.lines += 1;
            verified.head = AuditHead { number, hash: text };
        }
    }
    if let Some(known) = known.filter(|_| !is_known) {
        verified.tell(format!("line {} is gone, whose hash was noted", known.number));
    }
    verified.unchained = cx.read(store::count_unchained).await?;
    Ok(verified)
}

impl Verified {
    fn tell(&mut self, what: String) {
        if self.breaks.len() < BREAKS_MAX {
            self.breaks.push(what);
        }
    }
}
