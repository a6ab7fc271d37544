mod changes;
mod schedules;
mod seeds;
