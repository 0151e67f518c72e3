//! Short words for what tests do with restrictions.

use moothall_protocol::restrictions::{
    ImposeRestriction, LiftRestriction, Restricted, Restriction, RestrictionScope, RestrictionSource,
};
use moothall_protocol::{RestrictionId, UserId};
use serde_json::Map;

use super::{NewRestriction, impose_restriction, lift_restriction, store};
use crate::Fault;
use crate::testing::TestHall;

/// A restriction of these types, for as long as it is not said otherwise.
pub(crate) fn restriction(user_id: UserId, types: &[&str]) -> ImposeRestriction {
    ImposeRestriction {
        user_id,
        types: types.iter().map(|name| (*name).to_owned()).collect(),
        scope: RestrictionScope::default(),
        reason: "seen by the watcher".into(),
        public_reason: "be kind".into(),
        evidence: Map::new(),
        ends_at: None,
        after_matches: None,
        source: RestrictionSource::Automatic,
    }
}

pub(crate) async fn imposed(hall: &TestHall, input: ImposeRestriction) -> Restriction {
    impose_restriction(&hall.server(), input).await.unwrap()
}

/// A restriction that is stored, and of which nobody heard: what a process leaves that died right after the commit.
pub(crate) async fn stored(hall: &TestHall, input: ImposeRestriction) {
    let new = NewRestriction {
        user: input.user_id,
        types: input.types,
        scope: input.scope,
        reason: input.reason,
        public_reason: input.public_reason,
        evidence: input.evidence,
        source: input.source,
        action: None,
        ends_at: input.ends_at,
        after_matches: input.after_matches,
    };
    hall.server().write(move |tx| store::insert(tx, &new)).await.unwrap();
}

pub(crate) async fn lifted(hall: &TestHall, id: RestrictionId) -> Restriction {
    let input = LiftRestriction { restriction_id: id, reason: "a mistake".into() };
    lift_restriction(&hall.server(), input).await.unwrap()
}

/// What a refusal says beside its code.
pub(crate) fn why<T>(answer: Result<T, impl Fault>) -> Restricted {
    let refusal = answer.err().expect("a refusal");
    assert_eq!(refusal.code(), "restricted");
    *refusal.details().restriction.expect("what may not be done")
}
