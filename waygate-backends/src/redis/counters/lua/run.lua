-- Decides the remaining requests, until one fails.
local function all()
  while last < total do
    step()
    mark = size
    if plan.scale and plan.cost > 0 and plan.cost <= plan.scale / 2 and not plan.more then
      windows()
    else
      if not one then
        one, others = general()
      end
      others()
    end
  end
end

while true do
  local done, problem = pcall(all)
  if done then
    return results
  end
  local what = type(problem) == 'table' and problem.err or tostring(problem)
  for at = mark + 1, max(size, mark + together) do
    results[at] = at <= mark + together and what or nil
  end
  size = mark + together
end
