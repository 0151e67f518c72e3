//! How players become fair teams: pure algorithms, without I/O, clock or database.
//!
//! Start at [`balance()`]: it is given who wants to play, which of them stay together, and how large the teams are, and says the best
//! three ways to split them. It knows nothing of lobbies or queues, and of users no more than an id that can be compared.
//!
//! Promises, and their bounds:
//!
//! * The same question has the same answer, on every machine and in whatever order players and parties are named. Chance comes in as
//!   [`Options::seed`] only.
//! * What is asked is checked first ([`Unbalanceable`], [`BadShape`]); nothing that is asked panics.
//! * The work is bounded: [`PLAYERS_MAX`] players in [`TEAMS_MAX`] teams at most, and each algorithm says its own bound.
//!
//! ```
//! use moothall_matchmaking::{Options, Party, Player, Rating, Shape, balance};
//!
//! let player = |id, mean| Player { id, rating: Rating { mean, ..Rating::default() } };
//! // Ana and Ben came together.
//! let parties = [
//!     Party { players: vec![player("ana", 31.0), player("ben", 22.0)] },
//!     Party::single(player("cleo", 28.0)),
//!     Party::single(player("dora", 26.0)),
//! ];
//! let splits = balance(&parties, &Shape::even(4, 2)?, &Options::default())?;
//!
//! // Who is in a party has one way only: together.
//! assert_eq!(splits.len(), 1);
//! let [first, second] = splits[0].teams.as_slice() else { unreachable!() };
//! assert_eq!(first.players, ["ana", "ben"]);
//! assert_eq!(second.players, ["cleo", "dora"]);
//! assert_eq!(splits[0].spread, 1.0);
//! assert!(first.win_chance < 0.5 && second.win_chance > 0.5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Modules: `rating.rs` and `chance.rs` are what is believed of players, and what it says of a match; `shape.rs` is how large teams
//! are; `balance.rs` and its folder split the players.

mod balance;
mod chance;
mod rating;
mod shape;

pub use balance::{
    Algorithm, Options, Parties, Party, Player, SPLITS_MAX, Split, Team, Unbalanceable, balance,
};
pub use chance::win_chances;
pub use rating::{BETA, RATING_MAX, Rating};
pub use shape::{BadShape, PLAYERS_MAX, Shape, TEAMS_MAX};
