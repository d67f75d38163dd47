/** Weight of carbon beside price in plans and off-peak windows; about the price of an EU emission allowance. */
export const CARBON_EUR_PER_KG = 0.08;
