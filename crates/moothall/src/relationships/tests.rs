//! Relationships, on a real database of each engine, with a clock that stands still.

mod bounds;
mod friends;
mod lists;
mod live;
mod purge;

use std::time::Duration;

use moothall_protocol::relationships::Circle;
use moothall_protocol::relationships::*;
use moothall_protocol::{Event, UserId};

use super::*;
use crate::accounts::testing::code;
use crate::testing::{Ear, TestHall, on_both_engines, on_both_engines_with};

/// Calls by users of these names.
async fn people<const N: usize>(hall: &TestHall, names: [&str; N]) -> [Cx; N] {
    let mut calls = Vec::new();
    for name in names {
        calls.push(hall.call(hall.user(name).await, &[]));
    }
    calls.try_into().unwrap_or_else(|_| panic!("as many calls as names"))
}

fn id(cx: &Cx) -> UserId {
    cx.user().unwrap()
}

async fn asks(cx: &Cx, other: &Cx) -> Result<Relationship, Error> {
    ask(cx, AskFriend { user_id: id(other), message: None }).await
}

async fn accepts(cx: &Cx, other: &Cx) -> Result<Relationship, Error> {
    accept(cx, AcceptFriend { user_id: id(other) }).await
}

async fn blocks(cx: &Cx, other: &Cx) -> Result<Relationship, Error> {
    block(cx, Block { user_id: id(other) }).await
}

async fn befriend(one: &Cx, other: &Cx) {
    asks(one, other).await.unwrap();
    accepts(other, one).await.unwrap();
}

/// What one is to the other, as the one sees it.
async fn seen(cx: &Cx, other: &Cx) -> Relationship {
    get(cx, GetRelationship { user_id: id(other) }).await.unwrap()
}

async fn all(cx: &Cx, kind: RelationshipKind) -> Vec<UserId> {
    let page = list(cx, ListRelationships { kind, cursor: None, limit: Some(200) }).await.unwrap();
    assert_eq!(page.next, None);
    page.items.into_iter().map(|related| related.user.id).collect()
}

impl Ear {
    /// What was heard of relationships since the last time.
    fn related(&self) -> Vec<Relationship> {
        let related = self.heard().into_iter().filter_map(|event| match event {
            Event::RelationshipUpdated(related) => Some(related.relationship),
            _ => None,
        });
        related.collect()
    }
}
