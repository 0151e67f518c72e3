//! Presence alone: what others see of drops and returns, and the promises through random commands and crashes.

use moothall_protocol::Id;

use super::*;
use crate::Random;
use crate::runtime::simulator::{self, Simulated};
use crate::testing::seeds;

const GRACE: Grace = Grace { offline_after: Duration::from_secs(15), forget_after: Duration::from_secs(300) };

fn id<K: moothall_protocol::IdKind>(number: u128) -> Id<K> {
    Id::from_uuid(uuid::Uuid::from_u128(number))
}

fn connect(session: u128, attachment: u64) -> Command {
    Command::Connect { session: id(session), attachment, is_bot: false, grace: GRACE }
}

fn leave(session: u128) -> Command {
    Command::Leave { session: id(session), attachment: 9 }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_micros(1_795_000_000_000_000) + Duration::from_secs(seconds)
}

/// Carries out commands at their seconds, and says how others see the user after each, and whether something was told.
fn shown(commands: &[(u64, Command)]) -> Vec<(bool, bool)> {
    let mut presence = Presence::new(id(1));
    let mut carry_out = |(seconds, command): &(u64, Command)| {
        let is_told = presence.carry_out(at(*seconds), command).unwrap();
        (as_others_see(&presence.own).is_online, is_told)
    };
    commands.iter().map(&mut carry_out).collect()
}

#[test]
fn t085_t088_the_first_session_brings_the_user_online_and_the_last_purposeful_leave_offline() {
    let steps = [(0, connect(1, 1)), (1, connect(2, 2)), (2, leave(1)), (3, leave(2)), (4, leave(2))];
    let told = shown(&steps);
    assert_eq!(told, [(true, true), (true, false), (true, false), (false, true), (false, false)]);
}

#[test]
fn t087_a_short_drop_is_seen_by_nobody_and_a_long_one_at_its_moment() {
    let drop = |attachment| Command::Drop { session: id(1), attachment };
    let told = shown(&[
        (0, connect(1, 1)),
        (10, drop(1)),
        (20, connect(1, 2)),
        // The timer of the drop that ended, and the drop of a socket that a newer one replaced.
        (25, Command::Tick { drop: 1 }),
        (26, drop(1)),
        (30, drop(2)),
        (44, Command::Tick { drop: 3 }),
        (45, Command::Tick { drop: 3 }),
    ]);
    let online: Vec<bool> = told.iter().map(|(is_online, _)| *is_online).collect();
    assert_eq!(online, [true, true, true, true, true, true, true, false]);
}

#[test]
fn t087_what_the_user_said_outlasts_the_drop_and_is_forgotten_after_the_grace_period() {
    let mut presence = Presence::new(id(1));
    let mut tell = |seconds, command: Command| {
        presence.carry_out(at(seconds), &command).unwrap();
        (presence.own.presence.text.clone(), presence.is_here)
    };
    tell(0, connect(1, 1));
    let said = Command::Update(UpdatePresence { text: Some("Ranked".into()), ..UpdatePresence::default() });
    tell(1, said);
    tell(2, Command::Drop { session: id(1), attachment: 1 });
    tell(63, Command::Expire { session: id(1), attachment: 1 });
    let kept = Some("Ranked".to_owned());
    assert_eq!(tell(301, Command::Tick { drop: 1 }), (kept.clone(), true));
    assert_eq!(tell(301, connect(2, 2)), (kept, true), "another session of the user finds it");
    tell(302, Command::Drop { session: id(2), attachment: 2 });
    assert_eq!(tell(602, Command::Tick { drop: 3 }), (None, false));
}

#[test]
fn t094_a_bot_is_marked() {
    let mut presence = Presence::new(id(1));
    let command = Command::Connect { session: id(1), attachment: 1, is_bot: true, grace: GRACE };
    presence.carry_out(at(0), &command).unwrap();
    assert!(as_others_see(&presence.own).is_bot);
}

#[test]
fn whoever_plays_beside_a_bot_is_no_bot_and_a_bot_left_alone_is_one() {
    let mut presence = Presence::new(id(1));
    let bot = |session| Command::Connect { session: id(session), attachment: 1, is_bot: true, grace: GRACE };
    let mut is_bot = |command| {
        presence.carry_out(at(0), &command).unwrap();
        as_others_see(&presence.own).is_bot
    };
    assert!(is_bot(bot(1)));
    assert!(!is_bot(connect(2, 1)), "a player came");
    assert!(is_bot(leave(2)), "and went");
    assert!(!is_bot(connect(3, 1)));
    assert!(!is_bot(leave(1)), "the bot went");
}

#[test]
fn the_invisible_look_like_the_absent_whatever_else_they_say() {
    let mut presence = Presence::new(id(1));
    presence.carry_out(at(0), &connect(1, 1)).unwrap();
    let change = UpdatePresence {
        visibility: Some(Visibility::Invisible),
        text: Some("here".into()),
        is_afk: Some(true),
        ..UpdatePresence::default()
    };
    presence.carry_out(at(1), &Command::Update(change)).unwrap();
    assert_eq!(as_others_see(&presence.own), offline(id(1)));
}

#[test]
fn who_is_not_connected_changes_nothing() {
    let mut presence = Presence::new(id(1));
    for command in [Command::Update(UpdatePresence::default()), Command::Place(Placed::InLobby(id(7)))] {
        let refusal = presence.carry_out(at(0), &command).unwrap_err();
        assert_eq!(crate::Fault::code(&refusal), "not_connected");
    }
}

/// What somebody believes who hears all of a user's events, and how many the last one was.
#[derive(Debug)]
pub(crate) struct View {
    own: OwnPresence,
    went_back: bool,
}

impl Simulated for Presence {
    /// When the user came and went, and whether they want to be seen.
    type Stored = (Option<Timestamp>, Option<Timestamp>, Visibility);
    type Promised = ();
    type View = View;

    fn create(_: Id<kind::User>, _: &dyn Random) -> Self::Stored {
        (None, None, Visibility::Visible)
    }

    fn apply((came, went, wants): &mut Self::Stored, effect: &Stamp) {
        match effect {
            Stamp::CameAt(at) => *came = Some(*at),
            Stamp::WentAt { at, .. } => *went = Some(*at),
            Stamp::Wants(visibility) => *wants = *visibility,
        }
    }

    fn restore(id: Id<kind::User>, (_, _, wants): &Self::Stored) -> Self {
        let mut presence = Self::new(id);
        presence.own.visibility = *wants;
        presence
    }

    fn promised(_: &Self::Stored) {}

    fn command(&self, _: &Self::Stored, random: &dyn Random) -> (Option<UserId>, Command) {
        let session: SessionId = id(u128::from(random.below(4)) + 1);
        let known = self.sessions.get(&session).map_or(0, |held| held.attachment);
        // Mostly the attachment that holds, now and then one of long ago.
        let attachment = if random.below(5) == 0 { random.below(known + 1) } else { known };
        let command = match random.below(12) {
            0..=3 => Command::Connect {
                session,
                attachment: if random.below(8) == 0 { attachment } else { known + 1 },
                is_bot: false,
                grace: GRACE,
            },
            4..=6 => Command::Drop { session, attachment },
            7 => Command::Leave { session, attachment },
            8 => Command::Expire { session, attachment },
            9 => Command::Tick { drop: random.below(self.drops + 1) },
            10 => Command::Place(Placed::InLobby(id(9))),
            _ => {
                let text = Some(["", "Ranked", "Brb"][random.below(3) as usize].to_owned());
                let is_afk = Some(random.below(2) == 0);
                let visibility = [None, Some(Visibility::Visible), Some(Visibility::Invisible)];
                let visibility = visibility[random.below(3) as usize];
                Command::Update(UpdatePresence { text, is_afk, visibility, ..UpdatePresence::default() })
            }
        };
        (None, command)
    }

    fn view(&self) -> View {
        View { own: self.own.clone(), went_back: false }
    }

    fn observe(view: &mut View, event: &Event) {
        if let Event::PresenceUpdated(own) = event {
            view.went_back |= own.update_id <= view.own.update_id;
            view.own = own.clone();
        }
    }

    fn check(&self, (came, went, wants): &Self::Stored, (): &(), view: &View) -> Result<(), String> {
        if self.own.visibility != *wants {
            return Err(format!("the user wants to be {wants:?}"));
        }
        let own = &self.own.presence;
        if view.own != self.own || view.went_back {
            return Err(format!("{:?} is believed, {:?} is so", view.own, self.own));
        }
        if self.is_attached() && !(self.is_here && own.is_online && self.dropped_at.is_none()) {
            return Err("somebody with a socket looks offline, or waits to be forgotten".to_owned());
        }
        if self.is_here && !self.is_attached() && self.due(at(0)).is_none() {
            return Err("somebody without a socket is never forgotten".to_owned());
        }
        if !self.is_here && (!self.sessions.is_empty() || *own != offline(own.user_id)) {
            return Err(format!("something is left of who is gone: {self:?}"));
        }
        if self.is_here && came.is_none() || went.is_some() && came.is_none() {
            return Err("the database does not know that the user came".to_owned());
        }
        Ok(())
    }
}

#[test]
fn presence_keeps_its_promises_through_crashes_and_lost_writes() {
    let (mut timers, mut runs) = (0, 0);
    for seed in seeds(16) {
        let report = simulator::run::<Presence>(seed, 3, 3_000).unwrap_or_else(|failure| panic!("{failure}"));
        assert!(report.accepted > 500 && report.crashes > 10 && report.lost_writes > 0, "{report:?}");
        (timers, runs) = (timers + report.timers, runs + 1);
    }
    assert!(timers > 3 * runs, "{timers} timers fired in {runs} runs");
}

/// Sockets that come and go, and what they tell the presence: a socket waits until it is known to have come, but nobody waits for
/// the news that it went, and those overtake each other.
#[test]
fn news_of_an_older_socket_never_takes_away_a_user_who_is_back() {
    for seed in 0..50 {
        let random: std::sync::Arc<dyn Random> = crate::SeededRandom::from_seed(seed);
        let mut presence = Presence::new(id(1));
        let mut sockets: BTreeMap<u128, u64> = BTreeMap::new();
        let (mut under_way, mut attachments) = (Vec::new(), 0);
        for step in 0..2_000 {
            let session = u128::from(random.below(3)) + 1;
            match random.below(5) {
                0 | 1 => {
                    attachments += 1;
                    presence.carry_out(at(0), &connect(session, attachments)).unwrap();
                    sockets.insert(session, attachments);
                }
                2 => {
                    if let Some(attachment) = sockets.remove(&session) {
                        let session = id(session);
                        under_way.push(match random.below(2) {
                            0 => Command::Leave { session, attachment },
                            _ => Command::Drop { session, attachment },
                        });
                    }
                }
                _ if !under_way.is_empty() => {
                    let place = random.below(under_way.len() as u64) as usize;
                    presence.carry_out(at(0), &under_way.swap_remove(place)).unwrap();
                }
                _ => {}
            }
            let is_online = presence.own.presence.is_online;
            assert!(is_online || sockets.is_empty(), "seed {seed}, step {step}: {presence:?}");
            if under_way.is_empty() {
                assert_eq!(presence.is_attached(), !sockets.is_empty(), "seed {seed}, step {step}");
            }
        }
    }
}
