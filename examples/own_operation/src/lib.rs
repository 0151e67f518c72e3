//! A server with an operation and a rule of its own: players throw dice, by a call or by saying `/roll 6` in a room.
//!
//! Everything about the operation stands here. Its address, its place on the socket, the check of its input, its rate, its errors and
//! its lines in every document follow from [`operations`]; no door knows of it. The rule is [`Rolls`].

use moothall::hooks::{MessageAttempt, Verdict};
use moothall::operation::BoxFuture;
use moothall::{Access, Cx, Hooks, Operations, faults};
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

faults! {
    /// Why no die is thrown.
    pub enum Error {
        /// Nobody makes a die with so many sides. Take one with 4, 6, 8, 10, 12, 20 or 100.
        NoSuchDie => Invalid, "no_such_die", "there is no die with so many sides";
    }
}

/// The dice there are.
const DICE: [u64; 7] = [4, 6, 8, 10, 12, 20, 100];

/// The operations of this program, for [`moothall::Builder::operations`].
pub fn operations() -> Operations {
    Operations::context("dice", "Dice").errors(Error::CATALOGUE).post(
        "/dice",
        "dice.throw",
        Access::Player,
        throw,
    )
}

/// Whoever asks again with the same idempotency key is told what was thrown, and throws no second time: `mutate` keeps the key and
/// the answer in one transaction with whatever else is written in it.
async fn throw(cx: &Cx, input: Throw) -> Result<Thrown, Error> {
    if !DICE.contains(&input.sides) {
        return Err(Error::NoSuchDie);
    }
    cx.mutate(move |tx| Ok(Thrown { value: thrown(tx.cx(), input.sides) })).await
}

fn thrown(cx: &Cx, sides: u64) -> u64 {
    cx.random().below(sides) + 1
}

/// Whoever says `/roll 6` says what they threw instead. For [`moothall::Builder::hooks`].
#[derive(Debug)]
pub struct Rolls;

impl Hooks for Rolls {
    fn before_message<'a>(
        &'a self,
        cx: &'a Cx,
        attempt: &'a MessageAttempt,
    ) -> BoxFuture<'a, Result<Verdict, moothall::Error>> {
        Box::pin(async move {
            let Some(sides) = attempt.text.strip_prefix("/roll ") else { return Ok(Verdict::Pass) };
            Ok(match sides.trim().parse() {
                Ok(sides) if DICE.contains(&sides) => {
                    Verdict::Mask(format!("throws a {} of {sides}", thrown(cx, sides)))
                }
                _ => Verdict::Block("There is no such die: say /roll 6".to_owned()),
            })
        })
    }
}
