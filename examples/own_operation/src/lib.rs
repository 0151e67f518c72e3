//! A server with an operation of its own: players throw dice.
//!
//! Everything about the operation stands here. Its address, its place on the socket, the check of its input, its rate and its lines in
//! every document follow from [`operations`]; no door knows of it.

use moothall::{Access, Cx, Error, Operations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Throws a die.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Throw {
    /// How many sides it has.
    #[schemars(range(min = 2, max = 100))]
    pub sides: u64,
}

/// What was thrown.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Thrown {
    /// From 1 to the number of sides.
    pub value: u64,
}

/// The operations of this program, for [`moothall::Builder::operations`].
pub fn operations() -> Operations {
    // Nothing changes that could be changed twice, so no idempotency key guards it.
    Operations::context("dice", "Dice").post("/dice", "dice.throw", Access::Player, throw).unguarded()
}

async fn throw(cx: &Cx, input: Throw) -> Result<Thrown, Error> {
    Ok(Thrown { value: cx.random().below(input.sides) + 1 })
}
