import { sightings } from "@/lib/logbook";
import { animalsByMonth, summary } from "@/lib/statistics";

describe("animalsByMonth", () => {
  it("adds up a month and keeps the calendar's order", () => {
    const months = animalsByMonth(sightings("Sperm whale"));
    expect(months.map(({ month }) => month)).toEqual(["Jan 2026", "Mar 2026", "May 2026", "Jul 2026"]);
    expect(months.at(-1)).toEqual({ month: "Jul 2026", animals: 11 });
  });

  it("is empty without sightings", () => {
    expect(animalsByMonth([])).toEqual([]);
  });
});

describe("summary", () => {
  it("counts a place once", () => {
    expect(summary(sightings("Humpback whale"))).toEqual({ sightings: 2, animals: 7, places: 1 });
  });
});
