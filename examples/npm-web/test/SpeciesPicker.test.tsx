import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { SpeciesPicker } from "@/components/SpeciesPicker";

it("chooses a species", async () => {
  const onChoose = jest.fn();
  render(<SpeciesPicker chosen={undefined} onChoose={onChoose} />);
  await userEvent.click(screen.getByRole("button", { name: "Orca" }));
  expect(onChoose).toHaveBeenCalledWith("Orca");
});

it("shows all again when the chosen one is chosen", async () => {
  const onChoose = jest.fn();
  render(<SpeciesPicker chosen="Orca" onChoose={onChoose} />);
  const orca = screen.getByRole("button", { name: "Orca" });
  expect(orca).toHaveAttribute("aria-pressed", "true");
  await userEvent.click(orca);
  expect(onChoose).toHaveBeenCalledWith(undefined);
});
