//! Votes, one at a time, and bosses, whom a vote may make where there is none.

use moothall_protocol::UserId;
use moothall_protocol::limits::LOBBY_VOTES_KEPT;
use moothall_protocol::lobbies::{EndedVote, LobbyVote, VoteChoice, VoteOutcome, VoteSubject};

use super::{State, Step};
use crate::lobbies::Error;

/// How a vote stands.
struct Tally {
    yes: usize,
    no: usize,
    abstained: usize,
    voters: usize,
}

impl Tally {
    fn of(vote: &LobbyVote) -> Self {
        let count = |wanted| vote.choices.values().filter(|choice| **choice == wanted).count();
        Self {
            yes: count(VoteChoice::Yes),
            no: count(VoteChoice::No),
            abstained: count(VoteChoice::Abstain),
            voters: vote.voters.len(),
        }
    }

    fn pending(&self) -> usize {
        self.voters - self.yes - self.no - self.abstained
    }

    /// How it ends, once nobody who has yet to vote can change that.
    fn decided(&self) -> Option<VoteOutcome> {
        match self.pending() {
            pending if self.yes > self.no + pending => Some(VoteOutcome::Passed),
            pending if self.yes + pending <= self.no => Some(VoteOutcome::Failed),
            _ => None,
        }
    }

    /// How it ends when its time is over.
    fn at_the_end(&self) -> VoteOutcome {
        let has_quorum = (self.voters - self.pending()) * 2 >= self.voters;
        if has_quorum && self.yes > self.no { VoteOutcome::Passed } else { VoteOutcome::Failed }
    }
}

/// Whom it is about.
fn target(subject: &VoteSubject) -> Option<UserId> {
    match subject {
        VoteSubject::Boss { user_id } | VoteSubject::Kick { user_id, .. } => Some(*user_id),
        VoteSubject::Map { .. } | VoteSubject::Start => None,
    }
}

impl State {
    pub(super) fn call_vote(&mut self, subject: &VoteSubject, step: &mut Step<'_, '_>) -> Result<(), Error> {
        let caller = self.member(step)?;
        if !self.has_seat(caller) {
            return Err(Error::SeatNeeded);
        }
        self.require_votable(subject, caller, step)?;
        if self.lobby.vote.is_some() {
            return Err(Error::VoteOpen);
        }
        let about = target(subject);
        let voters: Vec<UserId> = self.lobby.players().filter(|player| Some(*player) != about).collect();
        let choices = voters.iter().filter(|voter| **voter == caller).map(|voter| (*voter, VoteChoice::Yes));
        self.votes += 1;
        self.lobby.vote = Some(LobbyVote {
            number: self.votes,
            subject: subject.clone(),
            called_by: caller,
            ends_at: step.now() + step.rules.vote,
            choices: choices.collect(),
            voters,
        });
        self.settle_vote(step)
    }

    /// Refuses a vote that could not be carried out, or that others decide.
    fn require_votable(
        &self,
        subject: &VoteSubject,
        caller: UserId,
        step: &Step<'_, '_>,
    ) -> Result<(), Error> {
        if let Some(user) = target(subject)
            && !self.is_member(user)
        {
            return Err(Error::NoSuchMember);
        }
        match subject {
            VoteSubject::Boss { .. } if !self.lobby.has_bosses => return Err(Error::NoBosses),
            VoteSubject::Kick { user_id, .. } if self.is_host(*user_id) => return Err(Error::TheHost),
            VoteSubject::Map { map } => step.rules.require_map(map)?,
            VoteSubject::Start => self.require_startable(step)?,
            VoteSubject::Boss { .. } | VoteSubject::Kick { .. } => {}
        }
        if !self.lobby.bosses.is_empty() && !self.is_boss(caller) {
            return Err(Error::BossesDecide);
        }
        Ok(())
    }

    pub(super) fn cast_vote(
        &mut self,
        number: i64,
        choice: VoteChoice,
        step: &mut Step<'_, '_>,
    ) -> Result<(), Error> {
        let user = self.member(step)?;
        let vote = self.lobby.vote.as_mut().filter(|vote| vote.number == number).ok_or(Error::NoVote)?;
        if !vote.voters.contains(&user) {
            return Err(Error::NotVoter);
        }
        vote.choices.insert(user, choice);
        self.settle_vote(step)
    }

    pub(super) fn cancel_vote(&mut self, step: &mut Step<'_, '_>) -> Result<(), Error> {
        let is_callers =
            |vote: &LobbyVote| step.turn.caller() == Some(vote.called_by) && self.is_member(vote.called_by);
        if !self.lobby.vote.as_ref().is_some_and(is_callers) {
            self.boss(step)?;
        }
        if self.lobby.vote.is_none() {
            return Err(Error::NoVote);
        }
        self.end_vote(VoteOutcome::Cancelled, step)
    }

    /// A member is gone: they abstain, and a vote about them is off.
    pub(super) fn forget_voter(&mut self, user: UserId, step: &mut Step<'_, '_>) -> Result<(), Error> {
        let Some(vote) = &mut self.lobby.vote else { return Ok(()) };
        if target(&vote.subject) == Some(user) {
            return self.end_vote(VoteOutcome::Cancelled, step);
        }
        if vote.voters.contains(&user) {
            vote.choices.insert(user, VoteChoice::Abstain);
        }
        self.settle_vote(step)
    }

    fn settle_vote(&mut self, step: &mut Step<'_, '_>) -> Result<(), Error> {
        match self.lobby.vote.as_ref().and_then(|vote| Tally::of(vote).decided()) {
            Some(outcome) => self.end_vote(outcome, step),
            None => Ok(()),
        }
    }

    pub(super) fn expire_vote(&mut self, step: &mut Step<'_, '_>) -> Result<(), Error> {
        match self.lobby.vote.as_ref().filter(|vote| vote.ends_at <= step.now()) {
            Some(vote) => self.end_vote(Tally::of(vote).at_the_end(), step),
            None => Ok(()),
        }
    }

    fn end_vote(&mut self, outcome: VoteOutcome, step: &mut Step<'_, '_>) -> Result<(), Error> {
        let Some(vote) = self.lobby.vote.take() else { return Ok(()) };
        let tally = Tally::of(&vote);
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        self.lobby.ended_votes.push(EndedVote {
            number: vote.number,
            subject: vote.subject.clone(),
            called_by: vote.called_by,
            outcome,
            yes: count(tally.yes),
            no: count(tally.no),
            abstained: count(tally.abstained),
            ended_at: step.now(),
        });
        let over = self.lobby.ended_votes.len().saturating_sub(LOBBY_VOTES_KEPT);
        self.lobby.ended_votes.drain(..over);
        if outcome == VoteOutcome::Passed { self.enact(vote.subject, step) } else { Ok(()) }
    }

    /// Does what was voted for, as far as it can still be done.
    fn enact(&mut self, subject: VoteSubject, step: &mut Step<'_, '_>) -> Result<(), Error> {
        match subject {
            VoteSubject::Map { map } => self.lobby.map = Some(map),
            VoteSubject::Boss { user_id } => self.appoint(user_id),
            VoteSubject::Start => drop(self.begin_countdown(step.rules.countdown, step)),
            VoteSubject::Kick { user_id, ban_seconds } => {
                return match self.expel(user_id, ban_seconds, None, step) {
                    // The lobby has no room for another ban: at least they go.
                    Err(Error::TooManyNamed) => self.expel(user_id, None, None, step),
                    // They host it by now.
                    Err(Error::TheHost) => Ok(()),
                    outcome => outcome,
                };
            }
        }
        Ok(())
    }

    fn appoint(&mut self, user: UserId) {
        if self.lobby.has_bosses && self.is_member(user) && !self.lobby.bosses.contains(&user) {
            self.lobby.bosses.push(user);
        }
    }

    pub(super) fn set_boss(
        &mut self,
        user: UserId,
        is_boss: bool,
        step: &mut Step<'_, '_>,
    ) -> Result<(), Error> {
        self.boss(step)?;
        if !self.lobby.has_bosses {
            return Err(Error::NoBosses);
        }
        if !self.is_member(user) {
            return Err(Error::NoSuchMember);
        }
        if is_boss {
            self.appoint(user);
        } else {
            self.lobby.bosses.retain(|boss| *boss != user);
        }
        Ok(())
    }
}
