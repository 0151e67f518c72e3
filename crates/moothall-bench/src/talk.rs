//! Messages that carry the time at which they were sent, and what is heard of them.
//!
//! [`closed_loop`] keeps so many unanswered and measures what work costs; [`at_rate`] sends when the time has come, whatever was answered,
//! and measures how long things take: a server that stalls does not make its load wait with it, and is not spared the blame.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use hdrhistogram::Histogram;
use memchr::memmem::{Finder, find};

use crate::swarm::{Heard, Swarm};

/// Begins a text, or data in base64, that carries a time: sixteen digits follow.
const STAMP: &str = r#"":"time"#;
/// Stands for that in an input.
const PLACE: &str = r#"":"@"#;
const STAMP_DIGITS: usize = 16;
/// Between two events closer than this, nobody sleeps: the system wakes late.
const SLEEP_MIN: Duration = Duration::from_millis(2);
/// Without anything heard.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who sends what.
#[derive(Clone, Debug)]
pub struct Talker {
    pub socket: usize,
    before: String,
    /// What stands behind the time; without it, no time is sent.
    behind: Option<String>,
}

impl Talker {
    /// Sends this operation. `@` in the input becomes the time, if it is the beginning of a text; in base64 that is twenty digits.
    pub fn new(socket: usize, operation: &str, input: &str) -> Self {
        let message = format!(r#""op":"{operation}","in":{input}}}"#);
        match message.split_once(PLACE) {
            Some((before, behind)) => {
                Self { socket, before: format!("{before}{STAMP}"), behind: Some(behind.to_owned()) }
            }
            None => Self { socket, before: message, behind: None },
        }
    }

    /// Speaks in a room.
    pub fn in_room(socket: usize, room: &str) -> Self {
        let input = format!(r#"{{"room_id":"{room}","text":"@ a message as long as people write them"}}"#);
        Self::new(socket, "communication.send", &input)
    }

    /// What is sent, with this number and time.
    pub fn message(&self, id: u64, time: u64) -> String {
        match &self.behind {
            Some(behind) => format!(r#"{{"id":{id},{}{time:016x}{behind}"#, self.before),
            None => format!(r#"{{"id":{id},{}"#, self.before),
        }
    }
}

/// What was heard of what was said.
pub struct Hearing {
    since: Instant,
    stamp: Finder<'static>,
    /// Messages that came.
    pub delivered: u64,
    /// Events of any kind, those included.
    pub events: u64,
    pub answered: u64,
    /// Microseconds from when a message was due until it came.
    pub latency: Histogram<u64>,
    wrong: Option<String>,
}

impl Hearing {
    pub fn new() -> Result<Self> {
        Ok(Self {
            since: Instant::now(),
            stamp: Finder::new(STAMP.as_bytes()),
            delivered: 0,
            events: 0,
            answered: 0,
            latency: Histogram::new_with_bounds(1, 600_000_000, 3)?,
            wrong: None,
        })
    }

    fn time(&self, instant: Instant) -> u64 {
        instant.saturating_duration_since(self.since).as_nanos() as u64
    }

    /// True for an answer.
    fn hear(&mut self, heard: &Heard<'_>, now: u64) -> bool {
        match heard {
            Heard::Text(text) if text.starts_with(br#"{"seq":"#) => {
                self.events += 1;
                self.delivered(text, now);
                false
            }
            Heard::Text(text) => {
                let head = text.get(..text.len().min(40)).unwrap_or_default();
                if find(head, br#","err":"#).is_some() {
                    self.wrong = Some(String::from_utf8_lossy(text).into_owned());
                }
                self.answered += 1;
                true
            }
            Heard::Closed { code, .. } => {
                self.wrong = Some(format!("a socket was closed with {code}"));
                false
            }
            Heard::Open => false,
            Heard::Refused(_) | Heard::Lost => {
                self.wrong = Some("a connection was lost".to_owned());
                false
            }
        }
    }

    /// Usually one; an event about several users has several.
    fn delivered(&mut self, text: &[u8], now: u64) {
        let mut rest = text;
        while let Some(at) = self.stamp.find(rest) {
            let (digits, behind) = rest
                .get(at + STAMP.len()..)
                .and_then(|rest| rest.split_at_checked(STAMP_DIGITS))
                .unwrap_or_default();
            let sent = digits.iter().fold(0, |time, digit| {
                time << 4 | u64::from(if *digit < b'a' { digit & 15 } else { digit - b'a' + 10 })
            });
            self.delivered += 1;
            self.latency.saturating_record(now.saturating_sub(sent) / 1_000);
            rest = behind;
        }
    }

    /// Hears for as long as something may come, and tells of each answer by whom it came.
    pub fn listen(
        &mut self,
        swarm: &mut Swarm,
        wait: Duration,
        mut answered: impl FnMut(usize),
    ) -> Result<()> {
        // One look at the clock for all that one read brings.
        let (mut last, mut now) = (usize::MAX, 0);
        swarm.poll(wait, |socket, heard| {
            if socket != last {
                (last, now) = (socket, self.time(Instant::now()));
            }
            if self.hear(&heard, now) {
                answered(socket);
            }
        })?;
        match self.wrong.take() {
            Some(wrong) => bail!("{wrong}"),
            None => Ok(()),
        }
    }

    /// Waits until so much was delivered.
    pub fn until(&mut self, swarm: &mut Swarm, delivered: u64) -> Result<()> {
        let (mut before, mut since) = (self.delivered, Instant::now());
        while self.delivered < delivered {
            self.listen(swarm, Duration::from_millis(10), |_| ())?;
            if self.delivered > before {
                (before, since) = (self.delivered, Instant::now());
            }
            ensure!(
                since.elapsed() < PATIENCE,
                "{before} of {delivered} messages came, and then nothing for ten seconds"
            );
        }
        ensure!(self.delivered == delivered, "{} messages came for {delivered}", self.delivered);
        Ok(())
    }

    /// Waits until nothing comes any more for so long.
    pub fn until_quiet(&mut self, swarm: &mut Swarm, quiet: Duration) -> Result<()> {
        let (mut before, mut since) = (self.events, Instant::now());
        while since.elapsed() < quiet {
            self.listen(swarm, Duration::from_millis(10), |_| ())?;
            if self.events > before {
                (before, since) = (self.events, Instant::now());
            }
        }
        Ok(())
    }
}

/// How much is said, and how closely.
pub struct Loop {
    pub messages_each: u64,
    pub in_flight: u64,
    /// To how many each message goes.
    pub receivers: u64,
}

/// Each sends its messages, so many of them unanswered. Comes back when all were delivered.
pub fn closed_loop(swarm: &mut Swarm, talkers: &[Talker], plan: &Loop) -> Result<Hearing> {
    let mut hearing = Hearing::new()?;
    let mut left = vec![(0, 0); swarm.len()];
    // Who may say one more.
    let mut turns: Vec<usize> = Vec::new();
    for (number, talker) in talkers.iter().enumerate() {
        if let Some(left) = left.get_mut(talker.socket) {
            *left = (plan.messages_each, number);
        }
        turns.extend(std::iter::repeat_n(talker.socket, plan.in_flight as usize));
    }
    let (mut id, all) = (0, talkers.len() as u64 * plan.messages_each);
    while hearing.answered < all {
        for socket in turns.drain(..) {
            if let Some((left, number)) = left.get_mut(socket).filter(|(left, _)| *left > 0)
                && let Some(talker) = talkers.get(*number)
            {
                (*left, id) = (*left - 1, id + 1);
                let now = hearing.time(Instant::now());
                swarm.send(socket, talker.message(id, now).as_bytes());
            }
        }
        hearing.listen(swarm, PATIENCE, |socket| turns.push(socket))?;
    }
    hearing.until(swarm, all * plan.receivers)?;
    Ok(hearing)
}

/// Things that are said in turn, so many in a second.
pub struct Source {
    pub talkers: Vec<Talker>,
    pub per_second: f64,
    /// To how many each goes.
    pub receivers: u64,
}

/// Everything is sent when it is due. Comes back when all was delivered.
pub fn at_rate(swarm: &mut Swarm, sources: &[Source], lasting: Duration) -> Result<Hearing> {
    let (mut hearing, expected) = send_at_rate(swarm, sources, lasting)?;
    hearing.until(swarm, expected)?;
    Ok(hearing)
}

/// The same, where it is not known beforehand how much is delivered. Comes back when all was sent.
pub fn at_rate_unchecked(swarm: &mut Swarm, sources: &[Source], lasting: Duration) -> Result<Hearing> {
    Ok(send_at_rate(swarm, sources, lasting)?.0)
}

/// Also returns how much should be delivered in all.
fn send_at_rate(swarm: &mut Swarm, sources: &[Source], lasting: Duration) -> Result<(Hearing, u64)> {
    let mut hearing = Hearing::new()?;
    let mut sent: Vec<u64> = vec![0; sources.len()];
    let (mut id, mut expected) = (0, 0);
    loop {
        let mut next = lasting;
        for (source, sent) in sources.iter().zip(&mut sent) {
            let mut due = Duration::from_secs_f64(*sent as f64 / source.per_second);
            while due < lasting && due <= hearing.since.elapsed() {
                let Some(talker) = source.talkers.get(*sent as usize % source.talkers.len()) else { break };
                id += 1;
                swarm.send(talker.socket, talker.message(id, due.as_nanos() as u64).as_bytes());
                (*sent, expected) = (*sent + 1, expected + source.receivers);
                due = Duration::from_secs_f64(*sent as f64 / source.per_second);
            }
            next = next.min(due);
        }
        let wait = next.saturating_sub(hearing.since.elapsed());
        let wait = if wait < SLEEP_MIN { Duration::ZERO } else { wait - SLEEP_MIN / 2 };
        hearing.listen(swarm, wait, |_| ())?;
        if hearing.since.elapsed() >= lasting {
            return Ok((hearing, expected));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_known_again_by_its_time() {
        let talker = Talker::in_room(0, "a-room");
        let message = talker.message(7, 0xabc_123);
        assert!(message.starts_with(r#"{"id":7,"op":"communication.send","in":{"room_id":"a-room","#));
        let mut hearing = Hearing::new().unwrap();
        assert!(hearing.hear(&Heard::Text(br#"{"id":7,"out":{}}"#), 0));
        let event = format!(r#"{{"seq":1,"data":[{message},{message}]}}"#);
        assert!(!hearing.hear(&Heard::Text(event.as_bytes()), 0xabc_123 + 5_000_000));
        assert_eq!((hearing.delivered, hearing.answered, hearing.events), (2, 1, 1));
        assert!(hearing.latency.equivalent(hearing.latency.max(), 5_000));
        hearing.hear(&Heard::Text(br#"{"id":7,"err":{"code":"rate_limited"}}"#), 0);
        assert!(hearing.wrong.is_some());
    }
}
